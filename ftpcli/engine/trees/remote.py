"""Single steps on a server's tree, each of which may be retried after the connection was lost."""

from __future__ import annotations

from ftpcli.engine.compare.decide import PERMISSIONS
from ftpcli.errors import NotFound, Refused, Unsupported
from ftpcli.model import Entry, Kind
from ftpcli.session.contract import Session


def is_directory(session: Session, path: str, entry: Entry) -> bool:
    """Whether ``entry``, found at ``path``, is a directory or a link to one: deploy targets often are such links, and
    SFTP servers report the link itself."""
    if entry.kind is not Kind.LINK:
        return entry.kind is Kind.DIR
    try:
        return session.stat(f"{path.rstrip('/')}/.").kind is Kind.DIR
    except Refused:
        return False


def is_directory_at(session: Session, path: str) -> bool:
    """Whether a directory, or a link to one, is at ``path``. The login directory and the root are."""
    if not path.strip("/"):
        return True
    try:
        return is_directory(session, path, session.stat(path))
    except Refused:
        return False


def make_directories(session: Session, path: str) -> bool:
    """Make a directory and its missing parents. False if it exists already. Raises Refused."""
    made = _make(session, path, last=False)
    if made is not None:
        return made
    make_directories(session, path.rstrip("/").rpartition("/")[0])
    return bool(_make(session, path, last=True))


def _make(session: Session, path: str, *, last: bool) -> bool | None:
    """Make one directory. False if it exists already, also if another worker has just made it; None if its parent may
    be missing. Raises Refused; with ``last`` also instead of returning None."""
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
    """False only if the server says that it does not exist."""
    try:
        session.stat(path)
    except NotFound:
        return False
    return True


def mode_problem(session: Session, path: str, mode: int) -> str:
    """Set the permission bits. Returns why that failed, or an empty string: the file itself is still good."""
    try:
        if session.set_mode(path, mode & PERMISSIONS):
            return ""
    except (Refused, Unsupported) as error:
        return str(error)
    return "this server has no command that sets permissions"


def sweep(session: Session, path: str) -> None:
    """Delete a part file; a missing one is no error."""
    try:
        session.remove(path)
    except NotFound:
        if exists(session, path):
            raise


class RemoteRename:
    """Renames a file on the server; may be retried after the connection was lost at any point."""

    def __init__(self, path: str, target: str) -> None:
        self._path = path
        self._target = target
        self._tried = False

    def attempt(self, session: Session) -> None:
        """Raises Refused, also if the new name is taken: many servers would replace the file that has it."""
        if exists(session, self._target):
            if self._tried and not exists(session, self._path):
                return  # done by an earlier try whose reply was lost
            raise Refused(f"{self._target} is there already")
        self._tried = True
        session.rename(self._path, self._target)
