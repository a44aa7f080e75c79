"""How a finished part file gets its name on a server."""

from __future__ import annotations

import posixpath

from ftpcli.engine.journal.journal import Journal
from ftpcli.engine.trees.remote import exists
from ftpcli.errors import NotFound, Refused
from ftpcli.part_names import part_name
from ftpcli.session.contract import HostMemory, Session


class Replacement:
    """Gives a finished part file its name; may be tried again after the connection was lost at any point.

    Where the server does not rename onto an existing file, that one is renamed first, gets its name back if
    the renaming fails again, and is deleted at the end: at no moment is the old content gone and the new one not there.
    """

    def __init__(
        self, part: str, target: str, journal: Journal | None = None, replaces_on: HostMemory | None = None
    ) -> None:
        """``replaces_on``: what is known of the server, if something may have the target's name already."""
        self._part = part
        self._target = target
        self._journal = journal or Journal()
        self._replaces_on = replaces_on
        folder, name = posixpath.split(target)
        self._displaced = posixpath.join(folder, part_name(name, "aside", part))
        self._is_displaced = False
        self._tries = 0
        self.moved_old = False  # what had the name was moved away in some try

    def begin(self) -> None:
        """The part file is about to be renamed together with others: the first attempt may find that done."""
        self._tries += 1

    def refused(self) -> None:
        """That renaming was not done: what the next one does not find is not there."""
        self._tries -= 1

    def attempt(self, session: Session, size: int) -> None:
        """Raises Refused, and what a lost connection raises."""
        self._tries += 1
        try:
            self._rename(session)
        except NotFound:
            if self._tries == 1 or not self._done(session, size):
                raise
        if self._is_displaced and exists(session, self._displaced):
            session.remove(self._displaced)
        self._journal.gone(self._displaced)

    def _done(self, session: Session, size: int) -> bool:
        """The last try's answer was lost: was it done?"""
        return not exists(session, self._part) and session.stat(self._target).size == size

    def _rename(self, session: Session) -> None:
        try:
            self._rename_over(session)
        except Refused:
            if not exists(session, self._part) or not session.is_file(self._target):
                raise
            self._displace(session)
            try:
                session.rename(self._part, self._target)
            except Refused as error:
                self._restore(session, error)
                raise

    def _rename_over(self, session: Session) -> None:
        """Raises Refused also where the server only says that it was done, as swiftp does; it is asked once."""
        host = self._replaces_on
        known = host is None or host.renames_replace  # as it is now: another worker may find it out meanwhile
        if known is False:
            raise Refused(f"cannot rename {self._part} to {self._target}: this server does not replace files")
        session.rename(self._part, self._target)
        if host is not None and known is None:
            host.renames_replace = not exists(session, self._part)
            if not host.renames_replace:
                raise Refused(f"cannot rename {self._part} to {self._target}: the server confirmed that in vain")

    def _displace(self, session: Session) -> None:
        self._is_displaced = self.moved_old = True
        self._journal.displace(self._displaced, self._target)
        try:
            session.rename(self._target, self._displaced)
        except Refused:
            # A run that was killed just here left one; the file under its real name is not older than that.
            if not exists(session, self._displaced):
                raise
            session.remove(self._displaced)
            session.rename(self._target, self._displaced)

    def _restore(self, session: Session, error: Refused) -> None:
        try:
            session.rename(self._displaced, self._target)
        except Refused:
            error.message += f"; what was there before is now {self._displaced}"
        else:
            self._journal.gone(self._displaced)
        self._is_displaced = False
