"""Final replies to LIST and MLSD whose words say more than their code: a listing that is called done (2yz) and is not,
or refused (450, 550) because there is nothing to list.

A server that has sent half a directory, or none of it, may have no better code than 226. Only its text tells then. The
table says which words deny, and whose they are. Texts about other things (quotas, ratios, speeds, ``0 errors``) often
come along in the same reply, and must not be taken for such words.
"""

from __future__ import annotations

import re
from enum import Enum

from ftpcli.wire.ftp.reply import Reply


class Denial(Enum):
    UNREADABLE = "the directory could not be read"
    INCOMPLETE = "the listing is not complete"


_U, _I = Denial.UNREADABLE, Denial.INCOMPLETE

_THINGS = r"(?:files|entries|items|matches|names|directories|results|lines)"

# (words, what they mean, who says so; several servers where nobody is named)
_WORDS: tuple[tuple[str, Denial, str], ...] = (
    # vsftpd 2 and 3, for what may be entered and not read: "Transfer done (but failed to open directory)."
    (r"failed to (?:open|read|list)", _U, "vsftpd"),
    # wu-ftpd and BSD's ftpd pass on what ls(1) says: "ls: .: Permission denied"
    (
        r"(?:permission|access) (?:is |was )?denied|\bdenied\b|not permitted|no permission",
        _U,
        "BSD ftpd, wu-ftpd",
    ),
    (r"not (?:have )?(?:the )?(?:permission|allowed|authori[sz]ed)", _U, ""),
    (r"\bunreadable\b|not (?:be )?(?:readable|accessible)|error (?:opening|reading|listing|accessing)", _U, ""),
    (r"no such (?:file or )?directory|does not exist", _U, "BSD ftpd, wu-ftpd"),
    (
        r"(?:cannot|can't|can not|could not|couldn't|unable to) (?:be )?(?:open|read|list|access|get|stat|scan)",
        _U,
        "many",
    ),
    # Pure-FTPd at its limit (-L, 10000 by default) speaks the language it was built for, in the encoding of its
    # sources: English, Spanish, Portuguese, Romanian, Swedish; Italian; French
    (r"\btrunc|\btrunkera|\btronca", _I, "Pure-FTPd"),
    (r"\btronqu", _I, "Pure-FTPd, French"),
    (
        r"\b(?:anzeige|ausgabe|auflistung|liste|eintr\S{1,2}ge)\b.*\b(?:beschr\S{1,2}nkt|begrenzt|gek\S{1,2}rzt)",
        _I,
        "Pure-FTPd, German",
    ),
    (r"\bafgekort|\bavkortet|\bafrundet", _I, "Pure-FTPd: Dutch, Norwegian, Danish"),
    (r"\bobci\S{1,2}t|\bzkr\S{1,2}cen|\bskr\S{1,2}ten", _I, "Pure-FTPd: Polish, Czech, Slovak"),
    (r"\bcsonk\S{1,2}tva|\bk\S{1,2}saltma|\bобрезан", _I, "Pure-FTPd: Hungarian, Turkish, Russian"),
    # "Transfer aborted", "Data transfer interrupted"
    (r"\baborted\b|\binterrupted\b|\bcancell?ed\b|\bterminated (?:abnormally|early|prematurely)", _I, ""),
    (r"\bincomplete\b|\bpartial(?:ly)?\b|not complete[d]?\b|\bcut (?:off|short)\b", _I, ""),
    (r"\bnot all\b|\bnot every\b|\bonly (?:the )?(?:first\b|\d)|\bfirst \d+ \w+ (?:are )?(?:list|show|return)", _I, ""),
    (rf"\b(?:{_THINGS}|more) (?:are |were )?not (?:listed|shown|displayed|included|sent)\b", _I, ""),
    (rf"\bmore {_THINGS} (?:than|exist|remain|available)|\bmore than \d+ {_THINGS}", _I, ""),
    (rf"\bmax(?:imum)?\S* (?:of )?\d+ {_THINGS} (?:\w+ed|shown|sent)\b", _I, ""),
    (r"\b(?:list\w*|output|display) (?:was |has been )?(?:stopped|shortened|abbreviated|ended early|cut)\b", _I, ""),
    (r"\bsome (?:of the )?(?:files|entries|items|names)\b.*\b(?:not|missing|hidden)\b", _I, ""),
    (r"\b(?:list\w*|output|display\w*|results?|entries|files) (?:is |are |was |were )?limited\b", _I, ""),
    (rf"\btoo many {_THINGS}\b", _I, ""),
    (r"\b(?:limit|max|maximum)\b[^.;]*\b(?:reached|exceeded|hit)\b|\bexceed(?:s|ed) the (?:limit|maximum)\b", _I, ""),
    (r"\bskipped\b|\bomitted\b|\bsuppressed\b|\bleft out\b|\band \d+ more\b", _I, ""),
    (r"\btimed out\b|\bout of memory\b|\boverflow", _I, ""),
    (r"\(but\b|\bbut (?:not|only|some|no|with(?: \w+)? errors?)\b", _I, ""),
    (r"\berrors?\b|\bfail(?:ed|ure|s|ures)?\b|\bunsuccessful", _I, ""),
)
_DENIALS = tuple((re.compile(words), meaning) for words, meaning, _ in _WORDS)

_FAULTS = r"(?:errors?|fail\w*|faults?|aborted|skipped|omitted|denied|truncat\w+|interrupted|limit\w*|timed out)"
# What says that all is well, in the same words: "0 errors", "no error", "without any errors", "errors: 0", "failed=0".
_NOTHING_WRONG = re.compile(
    rf"\b(?:0|no|none|zero|without(?: any)?|not any|never|not) (?:\w+ )?{_FAULTS}\b(?:\(s\))?"
    rf"|\b{_FAULTS}(?:\(s\)|s)?(?: (?:code|count|total))?\s?[:=(]?\s?(?:0|none|zero)\b\)?"
    r"|\berror[- ]?free\b|\breport\w*(?: any| all)? (?:errors?|failures?)\b"
    r"|\bin case of (?:an )?(?:errors?|failures?)\b"
)
# Lines about something other than this listing: what a user has left, or how fast it went.
_OTHER_SUBJECT = re.compile(
    r"quota|\bcredit|\bratio|\bspeed|bandwidth|\bdisk|\bspace\b|upload|download|\bul\b|\bdl\b|\busers?\b|\bidle\b"
    r"|\b[kmg]?i?b(?:ytes)?(?:/|ps\b| per )"
)
_QUOTED = re.compile(r'"[^"]*"')
# Of a line that is (also) about something else, only these words are believed.
_PLAIN = re.compile(r"failed to open|listing|directory|output|entries|matches")


# Refusals of LIST (450, 550) that only say that a directory has nothing in it.
_SAYS_EMPTY = re.compile(
    r"\bno (?!such\b)(?:\w+ )?(?:files?|entries|items|members|data ?sets?|match(?:es)?)\b"
    r"|\bempty\b|\bnothing (?:found|to list)\b"
)


def says_empty(text: str) -> bool:
    """Whether the text of a refusal says that there is nothing to list."""
    return _SAYS_EMPTY.search(text.lower()) is not None


def denial(reply: Reply, path: str = "") -> Denial | None:
    """How the text of a 2yz reply to LIST or MLSD denies success; None if it does not. ``path`` is the directory's:
    its name may be repeated, and may be ``failed``."""
    found = [meaning for line in reply.lines for meaning in _denials(line, path)]
    if Denial.UNREADABLE in found:
        return Denial.UNREADABLE
    return found[0] if found else None


def _denials(line: str, path: str) -> list[Denial]:
    text = _QUOTED.sub(" ", line)
    for name in (path, path.rstrip("/").rpartition("/")[2]):
        if len(name) > 1:
            text = text.replace(name, " ")
    text = _NOTHING_WRONG.sub(" ", text.lower())
    if _OTHER_SUBJECT.search(text) and not _PLAIN.search(text):
        return []
    return [meaning for words, meaning in _DENIALS if words.search(text)]
