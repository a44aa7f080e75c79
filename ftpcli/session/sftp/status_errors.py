"""From a STATUS to the error that says what can be done about it (draft-ietf-secsh-filexfer-02 §7)."""

from __future__ import annotations

from ftpcli import errors
from ftpcli.errors import FtpcliError
from ftpcli.wire.sftp.codes import Code
from ftpcli.wire.sftp.replies import Status

_KINDS: dict[int, tuple[type[FtpcliError], str]] = {
    Code.NO_SUCH_FILE: (errors.NotFound, "not found"),
    Code.PERMISSION_DENIED: (errors.Denied, "the server does not allow it"),
    Code.NO_CONNECTION: (errors.ConnectionLost, "the server lost its own connection"),
    Code.CONNECTION_LOST: (errors.ConnectionLost, "the server lost its own connection"),
    Code.OP_UNSUPPORTED: (errors.Unsupported, "the server cannot do that"),
    Code.NO_SPACE_ON_FILESYSTEM: (errors.NoSpace, "the server has no room for it"),
    Code.QUOTA_EXCEEDED: (errors.NoSpace, "the quota on the server is used up"),
}


def refusal(status: Status, doing: str) -> FtpcliError:
    """The error for a STATUS; ``doing`` names the action and the path, such as ``download a/b``."""
    if status.code in (Code.OK, Code.EOF):
        return errors.PeerProtocolError(f"cannot {doing}: the server gave an answer that makes no sense here")
    kind, words = _KINDS.get(status.code, (errors.Refused, "the server refused"))
    return kind(f"cannot {doing}: {words}", reply=str(status))
