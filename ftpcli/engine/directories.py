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
