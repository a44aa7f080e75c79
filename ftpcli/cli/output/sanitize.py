"""What may be printed of names and servers' words: nothing that steers a terminal, fakes a line, or commands the CI
system that reads the log."""

from __future__ import annotations

import re
import unicodedata

_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})  # line ends too: U+0085 is a Cc, U+2028 a Zl, U+2029 a Zp

# GitHub obeys a line that begins with ::, whatever the word: "stop-commands" lets the log choose one. Elsewhere only
# its own commands are broken up, in case a prefix is cut off: Foo::Bar is the name of many a manual page.
_GITHUB = (
    "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher",
    "save-state", "set-env", "set-output", "set-secret", "stop-commands", "warning",
)  # fmt: skip
_MARKERS = re.compile(
    "|".join(
        (
            r"(?<=#)#(?=\w*\[)",  # ##vso[ and ##[ (Azure, GitHub), ##teamcity[
            rf"(?<=:):(?=(?:{'|'.join(_GITHUB)})\b)",
            r"(?<=^:):",
            r"(?<=section)_(?=(?:start|end):)",  # GitLab
            r"(?<=travis)_(?=(?:fold|time):)",
        )
    ),
    re.IGNORECASE,
)
_INDENTED = re.compile(r"\s+(?=::)")


def sanitized(text: str, *, keeps_bytes: bool = False) -> str:
    """One line of ``text``, with a ``?`` for each character that could control a terminal, fake a line, or make a log
    command: control characters, line ends, undecodable bytes, marks of the reading direction, ``##vso[``, ``::error``.

    ``keeps_bytes``: for pipes and files, whose readers want names as they are: undecodable bytes and marks of the
    reading direction stay.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join("?" if _is_unsafe(character, keeps_bytes) else character for character in text)
    return _without_markers(text) if "##" in text or ":" in text else text


def _is_unsafe(character: str, keeps_bytes: bool) -> bool:
    if not keeps_bytes and (character in _DIRECTION_MARKS or "\ud800" <= character <= "\udfff"):
        return True
    return unicodedata.category(character) in _CONTROLS


def _without_markers(text: str) -> str:
    indented = _INDENTED.match(text)
    begin = indented.end() if indented is not None else 0
    return text[:begin] + _MARKERS.sub("?", text[begin:])
