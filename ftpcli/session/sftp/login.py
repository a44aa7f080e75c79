"""From an SSH connection that is logged in to an SFTP session that is ready to work."""

from __future__ import annotations

import logging

from ftpcli.errors import Busy, cause_of
from ftpcli.model import Endpoint
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify
from ftpcli.session.sftp.channel import SshConnection, open_channel
from ftpcli.session.sftp.conversation import Conversation
from ftpcli.session.sftp.listing import decoded
from ftpcli.session.sftp.session import SftpSession
from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.extensions import Limits, parse_limits
from ftpcli.wire.sftp.replies import ExtendedReply, Names, Version

log = logging.getLogger("ftpcli.session")


def open_sftp(endpoint: Endpoint, memory: HostMemory, notify: Notify, stop: StopSignal | None) -> SftpSession:
    """A fresh session over a fresh connection. Raises FtpcliError; nothing stays open then."""
    from ftpcli.session.ssh.connect import open_transport

    try:
        return open_sftp_over(open_transport(endpoint, memory, notify, stop), endpoint, stop)
    except OSError as error:
        # A connection takes several descriptors: `ulimit -n` may allow fewer connections than the server does.
        why = cause_of(error)
        raise Busy(f"this machine lets no further connection to {endpoint.place} be made: {why}") from error


def open_sftp_over(connection: SshConnection, endpoint: Endpoint, stop: StopSignal | None) -> SftpSession:
    """A session that owns the connection. Raises FtpcliError, and the connection is closed then."""
    try:
        channel = open_channel(connection, endpoint.place, endpoint.timing.idle, stop)
    except BaseException:
        connection.close()
        raise
    conversation = Conversation(channel, endpoint.place, endpoint.timing.idle, stop)
    try:
        return set_up(conversation, endpoint, stop, str(connection.transport.remote_version))
    except BaseException:
        conversation.close()
        raise


def set_up(conversation: Conversation, endpoint: Endpoint, stop: StopSignal | None, program: str = "") -> SftpSession:
    """Version, limits and login directory, in two round trips. Raises FtpcliError.

    ``program``: the server's, as it calls itself (RFC 4253 §4.2).
    """
    version = conversation.greet(stop)
    extensions = {name: data for name, data in version.extensions.items() if not _is_broken(name, program)}
    limits, home = _limits_and_home(conversation, version, endpoint, stop)
    session = SftpSession(
        conversation,
        extensions,
        limits,
        home,
        endpoint.encoding,
        endpoint.timing,
        stop,
    )
    log.info(
        "SFTP: reads of %d, writes of %d bytes, login directory %s",
        limits.read,
        limits.write,
        home,
    )
    return session


def _is_broken(extension: str, program: str) -> bool:
    """paramiko's server reads beyond the end of files of more than 64 KiB, for ever."""
    return extension == "check-file" and "paramiko" in program


def _limits_and_home(
    conversation: Conversation, version: Version, endpoint: Endpoint, stop: StopSignal | None
) -> tuple[Limits, str]:
    asks_limits = "limits@openssh.com" in version.extensions
    *limited, where = conversation.post(
        *([requests.limits()] if asks_limits else []), requests.real_path(b"."), stop=stop
    )
    told = [conversation.answer(number, stop) for number in limited]
    doing = "find the login directory"
    names = conversation.wanted(conversation.answer(where, stop), Names, doing).names
    home = decoded(names[0].filename, endpoint.encoding) if len(names) == 1 else None
    if home is None:
        raise conversation.nonsense(doing)
    limits = parse_limits(told[0]) if told and isinstance(told[0], ExtendedReply) else Limits()
    return limits, home
