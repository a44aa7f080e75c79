"""Paths on an FTP server, and which directory is the current one."""

from __future__ import annotations

import posixpath

from ftpcli.errors import Unsupported
from ftpcli.session.ftp.control import ControlConnection
from ftpcli.session.ftp.reply_errors import refusal, unexpected
from ftpcli.wire.ftp.reply import Reply


class WorkingDirectory:
    """``login_directory``: as the server names it; None where it does not tell. Where that is no Unix-like path (z/OS,
    OpenVMS), paths stay relative to it, and it stays the current directory."""

    def __init__(self, control: ControlConnection, login_directory: str | None) -> None:
        self._control = control
        self._login_directory = login_directory
        self._home = login_directory if login_directory is not None and login_directory.startswith("/") else None
        self._current = self._home

    @property
    def current(self) -> str:
        """For messages; empty where it is not known."""
        return self._current or ""

    @property
    def tells(self) -> bool:
        """Whether to be entered takes a directory."""
        return self._home is not None

    def absolute(self, path: str) -> str:
        """Absolute paths mean the same after a reconnect, and whatever the current directory is."""
        if path.startswith("/") or self._home is None:
            return path
        return posixpath.join(self._home, path) if path else self._home

    def enter(self, target: str) -> bool:
        """Change to a directory, so that LIST needs no argument: servers take arguments for options or patterns.

        False where paths are relative, and this would change their meaning. Raises what a refusal stands for.
        """
        if self._home is None:
            return not target
        if self._current != target:
            reply = self._control.ask("CWD", target)
            if not reply.completed:
                raise refusal(reply, f"list {target}")
            self._current = target
        return True

    def leave(self, target: str) -> None:
        """Go where ``target`` can be removed from: Apache FtpServer refuses to remove the current directory, and
        Pure-FTPd hangs up at the next listing if it is gone."""
        if self._home is None or not f"{self._current}/".startswith(f"{target.rstrip('/')}/"):
            return
        outside = posixpath.dirname(target.rstrip("/")) or "/"
        self._current = outside if self._control.ask("CWD", outside).completed else None

    def try_to_enter(self, target: str) -> Reply:
        """The server's answer to CWD; what can be entered is a directory. Raises Unsupported where there is no way
        back."""
        if self._login_directory is None:
            raise Unsupported(f"cannot look at {target or '.'}: the server does not tell the way back from a directory")
        reply = self._control.ask("CWD", target or self._login_directory)
        if reply.completed:
            self._current = target
            if self._home is None:
                self._go_back(self._login_directory)
        return reply

    def _go_back(self, directory: str) -> None:
        reply = self._control.ask("CWD", directory)
        if not reply.completed:
            self._control.healthy = False  # from now on every relative path would mean another one
            raise unexpected(reply, f"go back to {directory}")
