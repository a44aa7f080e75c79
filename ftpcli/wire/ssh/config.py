"""ssh_config files (ssh_config(5)): which settings hold for one host. No file is read here and no command run.

Written here rather than left to paramiko's SSHConfig, which knows no Include, runs the commands of ``Match exec``, and
keeps one file only where several may be named. As in OpenSSH the first value found for a keyword counts; only
IdentityFile and CertificateFile gather all of theirs. Of the criteria of Match, ``all``, ``host``, ``originalhost``,
``user`` and ``localuser`` are understood; a block with any other one, ``exec`` among them, never holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ftpcli.errors import UsageError
from ftpcli.wire.ssh.patterns import matches_any

# Text and name of each file that an Include names.
Include = Callable[[str], Iterator[tuple[str, str]]]
Told = Callable[[str], None]

_GATHERED = ("identityfile", "certificatefile")
_WHOLE_LINE = ("proxycommand",)
# The first of the two that stands in the files wins over the other.
_EITHER = {"proxyjump": "proxycommand", "proxycommand": "proxyjump"}
_DEEPEST = 16  # Includes within Includes, as in OpenSSH
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+|\Z)(.*?)\s*\Z", re.DOTALL)
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(#.*)|(\S+))', re.DOTALL)
_TOKEN = re.compile(r"%(.)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Who:
    """Whom the settings are for: ``host`` as it was typed, ``user`` if one was, and ``local_user``."""

    host: str
    user: str | None
    local_user: str


class Settings:
    """What the files say for one host. Keywords in lower case; each has the words that followed it."""

    def __init__(self) -> None:
        self._values: dict[str, list[tuple[str, ...]]] = {}

    def put(self, keyword: str, words: tuple[str, ...]) -> None:
        if keyword in _GATHERED:
            self._values.setdefault(keyword, []).append(words)
        elif keyword not in self._values and _EITHER.get(keyword) not in self._values:
            self._values[keyword] = [words]

    def words(self, keyword: str) -> tuple[str, ...]:
        """All words of a keyword; nothing where it is not set."""
        return tuple(word for words in self._values.get(keyword, ()) for word in words)

    def word(self, keyword: str) -> str | None:
        words = self.words(keyword)
        return words[0] if words else None


class Evaluation:
    """Goes through files in their order and keeps what holds for ``who``."""

    def __init__(self, who: Who, include: Include, told: Told) -> None:
        self.settings = Settings()
        self._who = who
        self._include = include
        self._told = told

    def include_from(self, include: Include) -> None:
        """Where Include looks from now on; it differs between the user's file and the system's."""
        self._include = include

    def read(self, text: str, source: str) -> None:
        """Add a file. Raises UsageError for a line that is no setting at all: to skip it could lose a protection."""
        self._read(text, source, 0)

    def _read(self, text: str, source: str, depth: int) -> None:
        holds = True
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.match(line)
            if found is None or not found[2]:
                raise UsageError(f"{source}:{number}: this is no setting of ssh_config: a keyword and a value")
            keyword, where = found[1].lower(), f"{source}:{number}"
            words = (found[2],) if keyword in _WHOLE_LINE else tuple(_words(found[2], where))
            if keyword == "host":
                holds = matches_any(self._who.host, words)
            elif keyword == "match":
                holds = self._match(words, where)
            elif holds and keyword == "include":
                self._read_others(words, where, depth)
            elif holds:
                self.settings.put(keyword, words)

    def _read_others(self, patterns: tuple[str, ...], where: str, depth: int) -> None:
        if depth >= _DEEPEST:
            raise UsageError(f"{where}: Include within Include more than {_DEEPEST} deep")
        for pattern in patterns:
            for text, source in self._include(pattern):
                self._read(text, source, depth + 1)

    def _match(self, words: tuple[str, ...], where: str) -> bool:
        host = self.settings.word("hostname") or self._who.host
        user = self._who.user or self.settings.word("user") or self._who.local_user
        subjects = {
            "host": host.replace("%h", self._who.host),
            "originalhost": self._who.host,
            "user": user,
            "localuser": self._who.local_user,
        }
        holds, rest = True, list(words)
        if not rest:
            raise UsageError(f"{where}: Match says nothing to match")
        while rest:
            criterion = rest.pop(0).lower()
            kind, equals, value = criterion.removeprefix("!").partition("=")
            if kind == "all":
                found = True
            elif kind in subjects:
                if not equals and not rest:
                    raise UsageError(f"{where}: Match {kind} says nothing to match")
                found = matches_any(subjects[kind], (value if equals else rest.pop(0)).split(","))
            else:
                self._told(f"{where}: a block with Match {kind} does not count here")
                return False
            holds = holds and found != criterion.startswith("!")
        return holds


def _words(text: str, where: str) -> Iterator[str]:
    """Words, in double quotes or not; ``#`` at the beginning of one starts a comment."""
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None or (found[3] is not None and found[3].startswith('"')):
            raise UsageError(f"{where}: a quotation mark is missing")
        if found[2] is not None:
            return
        yield re.sub(r'\\(["\\])', r"\1", found[1]) if found[1] is not None else found[3]
        at = found.end()


def expand(text: str, tokens: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """Replace ``%x`` and, given an environment, ``${NAME}``. Raises UsageError for what has no value."""

    def value(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        if found[1] is not None:
            if found[1] not in tokens:
                raise UsageError(f"{text!r} in ssh_config: there is no %{found[1]} here")
            return tokens[found[1]]
        if environment is None:
            return found[0]
        if found[2] not in environment:
            raise UsageError(f"{text!r} in ssh_config: the environment has no {found[2]}")
        return environment[found[2]]

    return _TOKEN.sub(value, text)
