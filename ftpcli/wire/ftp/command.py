"""Commands as values, with one printer for the wire and one for people (RFC 959 §5.3)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ftpcli.errors import BadName

_FORBIDDEN = ("\r", "\n", "\0")
# RNFR changes nothing, but it is half of a renaming.
_CHANGING = frozenset({"STOR", "APPE", "DELE", "MKD", "RMD", "RNFR", "RNTO", "MFMT", "MFF", "SITE"})


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """One command line. ``secret`` hides the argument from everything but the wire."""

    verb: str
    argument: str | None = None
    secret: bool = False

    def encode(self, encoding: str = "utf-8") -> bytes:
        """The bytes to send.

        Raises BadName where the argument holds CR, LF or NUL, which would start another command on the server,
        or a character that the encoding does not have, or bytes of no character that would be one there: the server
        would list another name than it was given.
        """
        if self.argument is None:
            return self.verb.encode("ascii") + b"\r\n"
        if any(char in self.argument for char in _FORBIDDEN):
            raise BadName(f"the name {self._shown()} holds a line break or NUL, which FTP cannot carry")
        argument = None
        with contextlib.suppress(UnicodeEncodeError):  # which holds the argument, and that may be a password
            argument = self.argument.encode(encoding, "surrogateescape")
        if argument is not None and not self.secret and not self.argument.isascii():
            argument = argument if argument.decode(encoding, "surrogateescape") == self.argument else None
        if argument is None:
            raise BadName(f"the name {self._shown()} cannot be written in {encoding}")
        return self.verb.encode("ascii") + b" " + argument + b"\r\n"

    @property
    def changes(self) -> bool:
        """Whether something on the server is different once it is done."""
        return self.verb in _CHANGING

    def _shown(self) -> str:
        return "***" if self.secret else ascii(self.argument)

    def __repr__(self) -> str:
        return f"Command({self})"

    def __str__(self) -> str:
        if self.argument is None:
            return self.verb
        return f"{self.verb} {'***' if self.secret else self.argument}"
