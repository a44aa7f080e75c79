"""pyftpdlib's TLS handlers, made as strict as FileZilla Server: a data connection must resume the TLS session of its
own control connection.

Each control connection has an ``SSL.Context`` of its own, and with it ticket keys of its own: a session of any other
connection is unknown there and leads to a full handshake. A server writes its certificate
only in a full handshake, which tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.log import logger

from ftpcli.demo.certificate import Identity

REFUSAL = "522 SSL connection failed; session reuse required"
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


@dataclass
class Counters:
    """What happened on the data connections, over all sessions."""

    data_connections: int = 0
    data_resumed: int = 0
    refused: int = 0


def fresh_context(identity: Identity, maximum: str) -> SSL.Context:
    """A server context that shares nothing with any other."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(_VERSIONS[maximum])
    context.use_certificate(identity.certificate)
    context.use_privatekey(identity.key)
    context.set_session_id(b"ftpcli demo")
    context.set_info_callback(_note_full_handshake)
    return context


def _note_full_handshake(connection: SSL.Connection, _where: int, _result: int) -> None:
    if connection.get_state_string().endswith(b"write certificate"):
        connection.set_app_data("full")


def was_resumed(connection: SSL.Connection) -> bool:
    """Whether the handshake, which is over, resumed an earlier session."""
    return bool(connection.get_app_data() != "full")


class StrictDataHandler(TLS_DTPHandler):  # type: ignore[misc]
    """One data connection. It is refused in the reply to a transfer command, so not before there is one."""

    refused = False

    def handle_ssl_established(self) -> None:
        control = self.cmd_channel
        resumed = was_resumed(self.socket)
        control.counters.data_connections += 1
        control.counters.data_resumed += resumed
        self.refused = control.must_resume and not resumed
        if self.refused and self._initialized:
            self._refuse()

    def _refuse(self) -> None:
        self.cmd_channel.counters.refused += 1
        self.producer_fifo.clear()
        self._resp = (REFUSAL, logger.debug)
        self.close()

    def push(self, data: Any) -> None:
        super().push(data)
        self._refuse_if_due()

    def push_with_producer(self, producer: Any) -> None:
        super().push_with_producer(producer)
        self._refuse_if_due()

    def enable_receiving(self, kind: Any, command: Any) -> None:
        super().enable_receiving(kind, command)
        self._refuse_if_due()

    def _refuse_if_due(self) -> None:
        if self.refused and not self._closed:
            self._refuse()


class StrictControlHandler(TLS_FTPHandler):  # type: ignore[misc]
    """One control connection. A server makes a subclass of this with the class attributes below filled in."""

    identity: Identity
    counters: Counters
    tls_maximum = "1.3"
    must_resume = True
    implicit = False

    dtp_handler = StrictDataHandler
    tls_control_required = True
    tls_data_required = True
    banner = "ftpcli demo"
    auth_failed_timeout = 0
    timeout = 0

    @classmethod
    def get_ssl_context(cls) -> SSL.Context:
        return fresh_context(cls.identity, cls.tls_maximum)

    def handle(self) -> None:
        if self.implicit:
            self.secure_connection(self.ssl_context)
        else:
            super().handle()

    def handle_ssl_established(self) -> None:
        if self.implicit:
            super().handle()
