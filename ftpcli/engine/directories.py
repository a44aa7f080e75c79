"""What counts as a directory on a server."""

from __future__ import annotations

from ftpcli.errors import Refused
from ftpcli.model import Entry, Kind
from ftpcli.session.protocol import Session


def is_directory(session: Session, path: str, entry: Entry) -> bool:
    """Whether ``entry``, found at ``path``, is a directory or a link to one: deploy targets often are such links, and
    SFTP servers tell of the link itself."""
    if entry.kind is not Kind.LINK:
        return entry.kind is Kind.DIR
    try:
        return session.stat(f"{path.rstrip('/')}/.").kind is Kind.DIR
    except Refused:
        return False


def make_directories(session: Session, path: str) -> bool:
    """Make a directory, and its parents where they are missing. One that is there already is fine: False then."""
    made = _make(session, path, last=False)
    if made is not None:
        return made
    make_directories(session, path.rstrip("/").rpartition("/")[0])
    return bool(_make(session, path, last=True))


def _make(session: Session, path: str, *, last: bool) -> bool | None:
    """False where the directory is there already, also if another worker has made it meanwhile; None where what is
    above it may be missing. Raises Refused, with ``last`` in place of None."""
    try:
        session.mkdir(path)
    except Refused as error:
        try:
            there = session.stat(path)
        except Refused:
            if last or not path.rstrip("/").rpartition("/")[0]:
                raise error from None
            return None
        if not is_directory(session, path, there):
            raise Refused(f"cannot make directory {path}: a file is in its place", reply=error.reply) from error
        return False
    return True
