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
from ftpcli.part_names import PartStyle, part_name
from ftpcli.session.contract import Session

_IN_PLACE = "--in-place uploads without a part file"
_SAID = {
    PartStyle.PLAIN: "takes no names with a leading dot: part files have names without one there",
    PartStyle.NONE: "does not let part files be made and renamed: new files are written under their final names there, "
    f"and may be seen half; existing ones stay as they are ({_IN_PLACE})",
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
        self._style = known

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
            self._context.warn(f"{self._context.place} {_SAID[self._style]}")

    def refused(self, session: Session, part: str, error: FtpcliError, *, sent: bool, replaces: bool) -> bool:
        """The server refused ``part``, or once it was ``sent`` its renaming: whether another name is worth a try.
        ``replaces``: something had the final name, even if it is not there at the moment.

        If not, the error says what the user may do.
        """
        if isinstance(error, (NoSpace, NotPrivate, TransientRefusal)) or not session.healthy:
            return False
        if not sent and self._folder and not exists(session, self._folder):
            self._advise_mkdir(error)
            return False
        if self._style is PartStyle.NONE:
            return False
        if sent and not _is_there(session, part):
            return self._vanished(error)
        if not sent and self._style is PartStyle.HIDDEN:
            self._style = PartStyle.PLAIN
        elif not replaces and self._is_free(session, part if sent else None):
            self._style = PartStyle.NONE
        else:
            error.message += f"; if the part file's name is the reason, {_IN_PLACE}"
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
            f"arrives: {_IN_PLACE}, and mirror --verify none does not look for it"
        )
        return False

    def _is_free(self, session: Session, witness: str | None) -> bool:
        """Whether nothing has the final name. FTP says 550 also to those who must not look, so the server has to show
        that it would tell: by the ``witness``, which is there, or by the directory's listing."""
        try:
            session.stat(self.target)
            return False
        except NotFound:
            pass
        except (Refused, Unsupported):
            return False
        if witness is not None:
            return _is_there(session, witness)
        try:
            listing = session.list(self._folder)
        except (Refused, Unsupported):
            return False
        hidden = listing.hides_dot_files and self._name.startswith(".")
        names = {entry.name.casefold() for entry in listing.entries}
        return listing.whole and not listing.doubt and not hidden and self._name.casefold() not in names


def _is_there(session: Session, path: str) -> bool:
    try:
        session.stat(path)
    except (Refused, Unsupported):
        return False
    return True
