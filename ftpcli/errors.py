"""The error family. Each class says what to do about it (``retry``) and how the process ends (``exit_code``).

Foreign exceptions (``OSError``, ``OpenSSL.SSL.Error``, paramiko's) are translated into these at the edge, in
``net`` and below ``session``, and nowhere else. Messages are written for the person at the keyboard: what
happened, to which file on which host, what can be done. The server's own words travel in ``reply``.
"""

from __future__ import annotations

import errno
from enum import Enum

from ftpcli import exit_codes


class Retry(Enum):
    """What the one retry loop does with an error."""

    SAME_SESSION = "same session"
    FRESH_SESSION = "fresh session"
    GIVE_UP = "give up on this task"
    STOP_RUN = "stop the run"


class FtpcliError(Exception):
    """Base of everything this program raises on purpose."""

    retry: Retry = Retry.GIVE_UP
    exit_code: int = exit_codes.SOME_FAILED

    def __init__(self, message: str, *, reply: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reply = reply

    def __str__(self) -> str:
        if self.reply:
            return f"{self.message} (server: {self.reply})"
        return self.message


class UsageError(FtpcliError):
    """The command line or the config asks for something that makes no sense."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.USAGE


class BadName(UsageError):
    """A name that the protocol or the encoding cannot carry; only that file fails."""

    retry = Retry.GIVE_UP


class ConnectFailed(FtpcliError):
    """No connection: the name does not resolve, the port is closed, nobody answers."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.NO_CONNECTION


class HostUnknown(ConnectFailed):
    """The host name does not resolve."""

    retry = Retry.STOP_RUN


class PortClosed(ConnectFailed):
    """The host refuses the connection: nothing listens on the port."""


class ConnectionLost(FtpcliError):
    """An open connection went away: reset, end of file, 421."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.NO_CONNECTION


class ServiceClosing(ConnectionLost):
    """421: the server says that it closes the control connection (RFC 959 §4.2.2)."""


class TimedOut(ConnectionLost):
    """Nothing moved for as long as the timeout allows."""


class Busy(FtpcliError):
    """The server (421, or 530 while others are logged in) or this machine allows no further connection for now."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.NO_CONNECTION


class DataConnectionFailed(FtpcliError):
    """The data connection could not be opened, or broke, while the control connection may be fine."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.NO_CONNECTION


class PeerProtocolError(FtpcliError):
    """The server sent what the protocol does not allow."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.BROKEN_PROTOCOL


class NotFtp(PeerProtocolError):
    """Something other than FTP answered."""

    retry = Retry.STOP_RUN


class ListingTooLong(PeerProtocolError):
    """A directory that the server lists without end, or beyond what fits into memory."""

    retry = Retry.GIVE_UP


class Unsupported(FtpcliError):
    """The server answered that it cannot do what is needed."""

    exit_code = exit_codes.BROKEN_PROTOCOL


class NoDigest(Unsupported):
    """The server gives no digest of a file, and --strict-compare demands it."""


class NoDigests(NoDigest):
    """The server gives no digests at all."""

    retry = Retry.STOP_RUN


class TlsFailed(FtpcliError):
    """TLS could not be set up or broke."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.NOT_TRUSTED


class NotTls(TlsFailed):
    """The other side answered the handshake with something that is not TLS. ``heard``: the first bytes of it."""

    def __init__(self, message: str, *, heard: bytes, reply: str | None = None) -> None:
        super().__init__(message, reply=reply)
        self.heard = heard


class CertificateRejected(TlsFailed):
    """The server's certificate does not prove who it is."""


class Truncated(TlsFailed):
    """A TLS stream ended without close_notify: the data may be truncated."""

    retry = Retry.FRESH_SESSION


class ResumptionRefused(TlsFailed):
    """The data connection did not resume the control connection's TLS session, and the server insists on it."""

    retry = Retry.FRESH_SESSION


class HostKeyRejected(FtpcliError):
    """The SSH server's host key does not prove who it is."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.NOT_TRUSTED


class NotSsh(PeerProtocolError):
    """Something other than SSH answered."""

    retry = Retry.STOP_RUN


class LoginRejected(FtpcliError):
    """The server does not accept the user or the password."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.LOGIN_REFUSED


class Incomplete(FtpcliError):
    """Fewer or more bytes arrived than the source has, although the server called the transfer complete."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.BROKEN_PROTOCOL


class Refused(FtpcliError):
    """The server refused one operation; the session goes on."""

    exit_code = exit_codes.REFUSED


class NotFound(Refused):
    """The path does not exist, or must not be seen (FTP says 550 to both)."""


class Denied(Refused):
    """The server does not allow it."""


class Unreadable(Denied):
    """A directory that is there, and that the server cannot read."""


class NotPrivate(Denied):
    """Others could read an upload, and may not read what it is to replace."""


class ListingInDoubt(Refused):
    """A directory's listing is not whole, or may not be; what it shows was worked with, so that part is done."""

    exit_code = exit_codes.SOME_FAILED


class NoSpace(Refused):
    """The server has no room, or the quota is used up (452, 552)."""


class TransientRefusal(Refused):
    """The server refused for now (4yz): the same command may pass later."""

    retry = Retry.SAME_SESSION


class SourceChanged(FtpcliError):
    """The source changed while it was being transferred."""

    retry = Retry.SAME_SESSION


class LocalFileError(FtpcliError):
    """A local file cannot be read or written."""

    exit_code = exit_codes.LOCAL_FILE


class VerifyMismatch(FtpcliError):
    """What arrived is not what was sent."""

    retry = Retry.FRESH_SESSION
    exit_code = exit_codes.VERIFY_MISMATCH


class GuardRefused(FtpcliError):
    """A guard against deleting too much refused."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.DELETE_GUARD


class Locked(FtpcliError):
    """Another run works on the same source and target."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.LOCKED


class Stopped(FtpcliError):
    """A stop was requested: by a signal (exit code 128 + its number), a deadline, or a lost standard output."""

    retry = Retry.STOP_RUN
    exit_code = exit_codes.INTERRUPTED

    def __init__(self, exit_code: int = exit_codes.INTERRUPTED) -> None:
        super().__init__("stopped")
        self.exit_code = exit_code


def is_for_lack_of_room(error: FtpcliError) -> bool:
    """Whether it is a full disk or a used-up quota, on either side."""
    cause = error.__cause__
    return isinstance(error, NoSpace) or (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT))


def cause_of(error: OSError) -> str:
    """The system's text for an error, in lower case for the middle of a sentence: ``no space left on device``."""
    return (error.strerror or str(error)).lower()
