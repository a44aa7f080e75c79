"""Asking a server for the digest of a file: by the best of its commands that works."""

from __future__ import annotations

from ftpcli.model import Digest
from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.reply_errors import unexpected
from ftpcli.wire.ftp.digests import Offer, parse_digest
from ftpcli.wire.ftp.reply import Reply

_DIGEST = "digest"  # an entry of HostMemory.unsupported
# The command cannot be used, whatever the file. 552: this user may not use HASH (draft-bryan-ftpext-hash-02 §3.5;
# ProFTPD).
_COMMAND_REFUSED = (500, 501, 502, 504, 552)
_SYNTAX = 501


class Digests:
    """Asks for digests in one session. ``patience``: seconds to wait for a reply, for which the server reads the whole
    file."""

    def __init__(
        self, control: ControlConnection, memory: HostMemory, offers: tuple[Offer, ...], patience: float
    ) -> None:
        self._control = control
        self._memory = memory
        self._offers = offers
        self._patience = patience
        self._selected = next((offer.name for offer in offers if offer.selected), None)

    def of(self, path: str) -> Digest | None:
        """See ``session.contract.Session.digest``. Remembers which command works, or that none does."""
        certain = True
        for offer in self._candidates():
            reply = self._ask(offer, path)
            if reply.completed:
                digest = parse_digest(reply, offer)
                self._memory.digest_command = offer.command
                return digest
            if reply.code not in _COMMAND_REFUSED:
                raise unexpected(reply, f"get a digest of {path}")
            # ProFTPD says 501 to the X commands for an empty file too, which tells nothing about the next file.
            certain = certain and reply.code != _SYNTAX
        if certain:
            self._memory.unsupported.add(_DIGEST)
        return None

    def _candidates(self) -> tuple[Offer, ...]:
        known = self._memory.digest_command
        if known is None and _DIGEST in self._memory.unsupported:
            return ()
        return tuple(offer for offer in self._offers if known in (None, offer.command))

    def _ask(self, offer: Offer, path: str) -> Reply:
        if offer.name and offer.name != self._selected:
            reply = self._control.ask("OPTS", f"HASH {offer.name}")
            if not reply.completed:
                return reply
            self._selected = offer.name
        return self._control.ask(offer.verb, offer.argument(path), timeout=self._patience)
