"""What counts as a directory on a server."""

from __future__ import annotations

from ftpcli.engine.compare.decide import PERMISSIONS
from ftpcli.errors import NotFound, Refused, Unsupported
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


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


def exists(session: Session, path: str) -> bool:
    """False only where the server says that it is not there."""
    try:
        session.stat(path)
    except NotFound:
        return False
    return True


def _is_file(session: Session, path: str) -> bool:
    try:
        return session.stat(path).kind is Kind.FILE
    except Refused:
        return False


def mode_problem(session: Session, path: str, mode: int) -> str:
    """Set the permission bits; why that cannot be done, or nothing. The file is whole all the same."""
    try:
        if session.set_mode(path, mode & PERMISSIONS):
            return ""
    except (Refused, Unsupported) as error:
        return str(error)
    return "this server has no command that sets permissions"
