"""The name of an upload until it is complete, and what else is tried where the server does not want that name.

There are servers that refuse or hide names with a leading dot, servers that take certain names only, drop boxes where
nothing may be renamed, and receivers that take away what arrives. A part file has a hidden name, else a plain one; else
the file is written under its final name, if nothing is there that this could destroy.
"""

from __future__ import annotations

import os
import posixpath

from ftpcli.engine.transfer.context import CopyContext
from ftpcli.engine.transfer.request import CopyRequest
from ftpcli.engine.trees.local import OpenSource
from ftpcli.engine.trees.remote import exists
from ftpcli.errors import Denied, FtpcliError, NoSpace, NotFound, NotPrivate, Refused, TransientRefusal, Unsupported
from ftpcli.model import Kind
from ftpcli.part_names import PartStyle, part_name
from ftpcli.session.contract import Session

IN_PLACE = "--in-place uploads without a part file"
BLAME = f"if the part file's name is the reason, {IN_PLACE}"
SAID = {
    PartStyle.PLAIN: "takes no names with a leading dot: part files have names without one there",
    PartStyle.NONE: "does not let part files be made and renamed: new files are written under their final names there, "
    f"and may be seen incomplete; existing ones stay as they are ({IN_PLACE})",
}


class Naming:
    """For one upload. ``target``: its final name."""

    def __init__(self, request: CopyRequest, context: CopyContext) -> None:
        self.target = request.target
        self._source = request.source
        self._context = context
        self._folder, self._name = posixpath.split(request.target)
        known = context.host.part_style
        if context.rules.in_place:
            known = PartStyle.NONE
        elif known is PartStyle.NONE and request.replaces:
            known = PartStyle.HIDDEN  # what is there must not be written over
        self._replaces = request.replaces and not context.rules.in_place
        self._style = known

    @property
    def cannot_replace(self) -> bool:
        """Whether it is known already that this upload would be sent for nothing."""
        return self._replaces and self._context.host.refuses_replacing

    def require_replaceable(self) -> None:
        """Raises Refused where ``cannot_replace``."""
        if self.cannot_replace:
            raise Refused(
                f"nothing was sent: {self._context.place} does not let a part file take the place of {self.target}; "
                f"{IN_PLACE}"
            )

    def part(self, source: OpenSource) -> str:
        """Where this version of the source is written."""
        if self._style is PartStyle.NONE:
            return self.target
        path = os.path.abspath(self._source)
        name = part_name(self._name, path, source.size, source.mtime_ns, style=self._style)
        return posixpath.join(self._folder, name)

    def worked(self) -> None:
        """The file has its name. What it took is remembered, and said once."""
        host = self._context.host
        if self._style > host.part_style and not self._context.rules.in_place:
            host.part_style = self._style
            self._context.warn(f"{self._context.place} {SAID[self._style]}")

    def refused(self, session: Session, part: str, error: FtpcliError, *, sent: bool, replaces: bool) -> bool:
        """The server refused ``part``, or once it was ``sent`` its renaming: whether another name is worth a try.
        ``replaces``: something had the final name, even if it is not there at the moment.

        If not, the error says what the user may do.
        """
        if not is_for_the_name(session, error):
            return False
        if not sent and self._folder and not exists(session, self._folder):
            self._advise_mkdir(error)
            return False
        if self._style is PartStyle.NONE:
            return False
        if sent and not _is_there(session, part):
            return self._vanished(error)
        if sent and name_is_taken(session, self.target, error):
            return False
        if not sent and self._style is PartStyle.HIDDEN:
            self._style = PartStyle.PLAIN
        elif not replaces and is_free(session, self.target, part if sent else None):
            self._style = PartStyle.NONE
        else:
            error.message += f"; {BLAME}"
            if sent and (isinstance(error, Unsupported) or self._context.host.part_style is PartStyle.NONE):
                self._context.host.refuses_replacing = True
            return False
        return True

    def _advise_mkdir(self, error: FtpcliError) -> None:
        if isinstance(error, (NotFound, Denied)) and not self._context.rules.make_parents:
            error.message += f" (is there a directory {self._folder or '.'}? --mkdir makes it)"

    def _vanished(self, error: FtpcliError) -> bool:
        """Hidden by the server, or taken away: only another name can tell, and one try is enough for all files."""
        if self._style is PartStyle.HIDDEN and not self._context.host.loses_parts:
            self._style = PartStyle.PLAIN
            return True
        self._context.host.loses_parts = True
        error.message += (
            f"; its part file is gone, though the server had confirmed it. If the server takes away or hides what "
            f"arrives: {IN_PLACE}, and mirror --verify none does not look for it"
        )
        return False


def is_free(session: Session, target: str, witness: str | None = None) -> bool:
    """Whether nothing has the final name. FTP says 550 also to those who must not look, so the server has to show
    that it would tell: by the ``witness``, which is there, or by the directory's listing."""
    try:
        session.stat(target)
        return False
    except NotFound:
        pass
    except (Refused, Unsupported):
        return False
    if witness is not None:
        return _is_there(session, witness)
    folder, name = posixpath.split(target)
    try:
        listing = session.list(folder)
    except (Refused, Unsupported):
        return False
    hidden = listing.hides_dot_files and name.startswith(".")
    names = {entry.name.casefold() for entry in listing.entries}
    return listing.whole and not listing.doubt and not hidden and name.casefold() not in names


def is_for_the_name(session: Session, error: FtpcliError) -> bool:
    """Whether an upload that was refused at its beginning may be taken under another name."""
    return session.healthy and not isinstance(error, (NoSpace, NotPrivate, TransientRefusal))


def name_is_taken(session: Session, target: str, error: FtpcliError) -> bool:
    """Whether a directory has the name that a renaming was to give; then ``error`` says so."""
    try:
        if session.stat(target).kind is not Kind.DIR:
            return False
    except (Refused, Unsupported):
        return False
    error.message = f"a directory has the name {target}; choose another one, or remove that first"
    return True


def _is_there(session: Session, path: str) -> bool:
    try:
        session.stat(path)
    except (Refused, Unsupported):
        return False
    return True
