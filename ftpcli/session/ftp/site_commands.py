"""Permission bits and symbolic links: commands that no RFC has, so that most servers know some other one or none."""

from __future__ import annotations

import re

from ftpcli.errors import Unsupported
from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.wire.ftp.reply import Reply

_NONE = "none"
_MFF = "MFF"
_CHMOD = "SITE CHMOD"
# The command is no good, whatever the file.
_COMMAND_REFUSED = (500, 501, 502, 504)
# What ProFTPD's SITE takes apart or joins again, wherever it stands.
_UNSAFE = re.compile(r"[\s\"\\]")


class Attributes:
    """One session's way to them. ``has_mff``: the server offers MFF (draft-somers-ftp-mfxx)."""

    def __init__(self, control: ControlConnection, memory: HostMemory, *, has_mff: bool) -> None:
        self._control = control
        self._memory = memory
        self._has_mff = has_mff

    def set_mode(self, path: str, mode: int) -> bool:
        """See ``session.protocol.Session.set_mode``. ``path`` is absolute."""
        reply = None
        for command in self._mode_commands():
            reply = self._ask_mode(command, path, mode)
            if reply.completed:
                self._memory.mode_command = command
                return True
            if reply.code not in _COMMAND_REFUSED:
                break
        if reply is None or reply.code in _COMMAND_REFUSED or self._site_is_closed(self._memory.mode_command):
            self._memory.mode_command = self._memory.mode_command or _NONE
            return False
        raise unexpected(reply, f"set the permissions of {path}")

    def _mode_commands(self) -> tuple[str, ...]:
        known = self._memory.mode_command
        if known is not None:
            return () if known == _NONE else (known,)
        # ProFTPD's SITE CHMOD loses the spaces at either end of a name, its MFF does not.
        return (_MFF, _CHMOD) if self._has_mff else (_CHMOD,)

    def _ask_mode(self, command: str, path: str, mode: int) -> Reply:
        if command == _MFF:
            return self._control.ask("MFF", f"UNIX.mode={mode:04o}; {path}")
        return self._control.ask("SITE", f"CHMOD {mode:03o} {path}")

    def _site_is_closed(self, worked: object) -> bool:
        """vsftpd says 550 to every SITE of an anonymous user, and the same to a file that is not there."""
        return not worked and self._control.ask("SITE", "HELP").refused

    def symlink(self, name: str, target: str) -> None:
        """Make a link in the current directory, by which ProFTPD's mod_site_misc takes ``target``.

        Raises Unsupported where the server cannot do it, or not for these names.
        """
        doing = f"make the symbolic link {name}"
        unknown = f"cannot {doing}: this server has no command for that (SITE SYMLINK)"
        if self._memory.symlinks is False:
            raise Unsupported(unknown)
        # A link to the first of two words, under the name of the second, would be made without a complaint.
        if _UNSAFE.search(target) or _UNSAFE.search(name.replace(" ", "")) or name != name.strip():
            raise Unsupported(f"cannot {doing}: SITE SYMLINK does not carry such spaces, quotes or backslashes")
        reply = self._control.ask("SITE", f'SYMLINK {target} "{name}"' if " " in name else f"SYMLINK {target} {name}")
        if reply.completed:
            self._memory.symlinks = True
            return
        if reply.code in _COMMAND_REFUSED or self._site_is_closed(self._memory.symlinks):
            self._memory.symlinks = self._memory.symlinks or False
            raise Unsupported(unknown, reply=reply.text)
        raise refusal(reply, f"{doing}, which leads to {target}")
