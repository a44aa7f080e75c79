"""Times, permission bits and symbolic links: commands that no RFC has, so that servers know different ones or none."""

from __future__ import annotations

import re

from ftpcli.errors import Unsupported
from ftpcli.session.contract import HostMemory, TimeSet
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.wire.ftp.answers import parse_modify, write_time
from ftpcli.wire.ftp.reply import Reply

# Entries of HostMemory.unsupported.
_TIME, _MODE, _SYMLINK = "set time", "set mode", "symlink"
_MFF = "MFF"
_CHMOD = "SITE CHMOD"
# The years 1 to 9999, which is what fits into a command; file systems keep others.
_TIMES = range(-62_135_596_800, 253_402_300_800)
# The command cannot be used, whatever the file.
_COMMAND_REFUSED = (500, 501, 502, 504)
# Where ProFTPD's SITE splits its arguments, or what it drops from them.
_UNSAFE = re.compile(r"[\s\"\\]")


class FileAttributes:
    """Sets them for one session, by the commands that work on its server. ``features``: what FEAT lists; MFMT and MFF
    are of draft-somers-ftp-mfxx."""

    def __init__(self, control: ControlConnection, memory: HostMemory, features: frozenset[str]) -> None:
        self._control = control
        self._memory = memory
        self._features = features

    def set_mtime(self, path: str, seconds: float, *, is_ours: bool) -> TimeSet:
        """Try MFMT, then MDTM with two arguments (vsftpd), then SITE UTIME; remember which one works.

        That none works is concluded only where the file ``is_ours``, for this session has written it: 550 may also
        mean that this user may not change some other file.
        """
        if int(seconds // 1) not in _TIMES:
            return TimeSet(False)
        for command in self._time_commands():
            verb, _, site = command.partition(" ")
            stamp = f"{site} {write_time(seconds)}".strip()
            reply = self._control.ask(verb, f"{stamp} {path}")
            if reply.completed:
                self._memory.time_command = command
                return TimeSet(True, parse_modify(reply))
        if is_ours:
            self._memory.unsupported.add(_TIME)
        return TimeSet(False)

    def _time_commands(self) -> tuple[str, ...]:
        known = self._memory.time_command
        if known is not None:
            return (known,)
        if _TIME in self._memory.unsupported:
            return ()
        return ("MFMT", "MDTM", "SITE UTIME") if "MFMT" in self._features else ("MDTM", "SITE UTIME")

    def set_mode(self, path: str, mode: int) -> bool:
        """See ``session.contract.Session.set_mode``. ``path`` is absolute."""
        reply = None
        for command in self._mode_commands():
            reply = self._ask_mode(command, path, mode)
            if reply.completed:
                self._memory.mode_command = command
                return True
            if reply.code not in _COMMAND_REFUSED:
                break
        if reply is None or reply.code in _COMMAND_REFUSED or self._site_is_closed(self._memory.mode_command):
            self._memory.unsupported.add(_MODE)
            return False
        raise unexpected(reply, f"set the permissions of {path}")

    def _mode_commands(self) -> tuple[str, ...]:
        known = self._memory.mode_command
        if known is not None:
            return (known,)
        if _MODE in self._memory.unsupported:
            return ()
        # ProFTPD's SITE CHMOD loses the spaces at either end of a name, its MFF does not.
        return (_MFF, _CHMOD) if _MFF in self._features else (_CHMOD,)

    def _ask_mode(self, command: str, path: str, mode: int) -> Reply:
        if command == _MFF:
            return self._control.ask("MFF", f"UNIX.mode={mode:04o}; {path}")
        return self._control.ask("SITE", f"CHMOD {mode:03o} {path}")

    def _site_is_closed(self, worked: object) -> bool:
        """vsftpd says 550 to every SITE of an anonymous user, and the same for a file that is not there."""
        return not worked and self._control.ask("SITE", "HELP").refused

    def symlink(self, name: str, target: str) -> None:
        """Make a link in the current directory, to which ProFTPD's mod_site_misc takes ``target`` to be relative.

        Raises Unsupported where the server cannot do it, or not for these names.
        """
        doing = f"make the symbolic link {name}"
        unknown = f"cannot {doing}: this server has no command for that (SITE SYMLINK)"
        if _SYMLINK in self._memory.unsupported and not self._memory.symlinks:
            raise Unsupported(unknown)
        # Otherwise a link to the first of two words, with the name of the second, would be made without a complaint.
        if _UNSAFE.search(target) or _UNSAFE.search(name.replace(" ", "")) or name != name.strip():
            raise Unsupported(f"cannot {doing}: SITE SYMLINK does not carry such spaces, quotes or backslashes")
        reply = self._control.ask("SITE", f'SYMLINK {target} "{name}"' if " " in name else f"SYMLINK {target} {name}")
        if reply.completed:
            self._memory.symlinks = True
            return
        if reply.code in _COMMAND_REFUSED or self._site_is_closed(self._memory.symlinks):
            self._memory.unsupported.add(_SYMLINK)
            raise Unsupported(unknown, reply=reply.text)
        raise refusal(reply, f"{doing}, which leads to {target}")
