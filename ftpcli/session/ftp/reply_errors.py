"""From a reply code to the error that says what can be done about it (RFC 959 §4.2, RFC 4217 §12)."""

from __future__ import annotations

from ftpcli import errors
from ftpcli.errors import FtpcliError
from ftpcli.wire.ftp.reply import Reply

_KINDS: dict[int, type[FtpcliError]] = {
    425: errors.DataConnectionFailed,
    426: errors.DataConnectionFailed,
    431: errors.TlsFailed,
    452: errors.NoSpace,
    500: errors.Unsupported,
    501: errors.Unsupported,
    502: errors.Unsupported,
    503: errors.PeerProtocolError,
    504: errors.Unsupported,
    522: errors.DataConnectionFailed,
    530: errors.ConnectionLost,
    532: errors.Denied,
    533: errors.TlsFailed,
    534: errors.TlsFailed,
    535: errors.TlsFailed,
    536: errors.TlsFailed,
    550: errors.NotFound,
    552: errors.NoSpace,
    553: errors.Denied,
}

_WORDS: dict[type[FtpcliError], str] = {
    errors.DataConnectionFailed: "the data connection failed",
    errors.TlsFailed: "the server does not accept this protection",
    errors.NoSpace: "the server has no room for it, or the quota is used up",
    errors.Unsupported: "the server cannot do that",
    errors.PeerProtocolError: "the server lost track of the conversation",
    errors.ConnectionLost: "the server forgot the login",
    errors.NotFound: "not found, or no permission",
    errors.Denied: "the server does not allow it",
    errors.TransientRefusal: "the server cannot do it now",
    errors.Refused: "the server refused",
}


def refusal(reply: Reply, doing: str) -> FtpcliError:
    """The error for a 4yz or 5yz reply; ``doing`` names the action and the path, such as ``download a/b``."""
    kind = _KINDS.get(reply.code)
    if kind is None:
        kind = errors.TransientRefusal if reply.transient else errors.Refused
    return kind(f"cannot {doing}: {_WORDS[kind]}", reply=reply.text)


def unexpected(reply: Reply, doing: str) -> FtpcliError:
    """The error for a reply that is neither the success asked for nor a refusal."""
    if reply.refused:
        return refusal(reply, doing)
    return errors.PeerProtocolError(
        f"cannot {doing}: the server gave an answer that makes no sense here", reply=reply.text
    )
