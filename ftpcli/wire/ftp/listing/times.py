"""Dates as listings write them → seconds since 1970, read as if they were UTC. No clock: ``now`` is given."""

from __future__ import annotations

from datetime import date
from functools import cache

DAY = 86400
EPOCH_DAY = date(1970, 1, 1).toordinal()

ENGLISH = {
    name: number
    for number, english in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
    for name in (english, english.upper(), english.lower())
}

# What `ls` prints with other locales. Not in Croatian: its lip, srp and lis are other months in Polish and Czech.
WESTERN = (
    "jan jän ene gen janv janvier januar january januari oca tammi sty led",
    "feb fév fev févr febr februar february februari şub helmi lut úno",
    "mar mär mrz mars märz march mrt márc mart maalis bře marzo",
    "apr avr abr avril april ápr nis huhti kwi dub aprile",
    "may mai mei maj mag maggio máj touko kvě mayo",
    "jun juin juni june giu jún haz kesä cze čen junio",
    "jul juil juli july juillet lug júl tem heinä lip čec julio",
    "aug aoû août ago agosto august augusti ağu elo sie srp",
    "sep sept set september settembre szept eyl syys wrz zář",
    "oct okt ott out october oktober octobre eki loka paź říj",
    "nov november novembre kas marras lis",
    "dec déc dez dic des december dezember décembre ara joulu gru pro",
)
CYRILLIC = ("янв", "фев февр", "мар мрт", "апр", "май мая", "июн", "июл", "авг", "сен сент", "окт", "ноя нояб", "дек")


@cache
def foreign_months() -> dict[bytes, int]:
    """Month names as servers may send them: in the encodings of their time, capitalised or not."""
    table: dict[bytes, int] = {}

    def enter(words: str, number: int, encodings: tuple[str, ...]) -> None:
        for word in words.split():
            for form in (word, word.capitalize(), word.upper()):
                for encoding in encodings:
                    raw = form.encode(encoding, "ignore")  # an encoding may not be one of that language
                    if raw.decode(encoding) == form:
                        table.setdefault(raw, number)

    for number, words in enumerate(WESTERN, 1):
        enter(words, number, ("utf-8", "iso8859-1", "iso8859-2", "iso8859-9", "cp1250", "cp850"))
    for number, words in enumerate(CYRILLIC, 1):
        enter(words, number, ("utf-8", "koi8-r", "cp1251", "iso8859-5", "cp866"))
    for number in range(1, 13):
        enter(f"{number}月 0{number}月", number, ("utf-8", "euc-jp", "shift_jis", "gbk", "big5"))
        enter(f"{number}월 0{number}월", number, ("utf-8", "euc-kr"))
    return table


def month_of(word: bytes) -> int | None:
    """1 to 12 for a month's name, with or without a dot behind it."""
    return ENGLISH.get(word) or foreign_months().get(word.rstrip(b"."))


def full_year(year: int) -> int:
    """A year of two digits is one from 1970 to 2069."""
    if year > 99:
        return year
    return year + (1900 if year >= 70 else 2000)


def seconds_of(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> float | None:
    """Seconds since 1970; None where the calendar or the clock has no such time."""
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - EPOCH_DAY
    except ValueError:
        return None
    return float(days * DAY + hour * 3600 + minute * 60 + second)


def recent(month: int, day: int, hour: int, minute: int, now: float, second: int = 0) -> float | None:
    """A time without a year: the last one that is not more than a day ahead of ``now``."""
    latest = now + DAY
    year = date.fromordinal(int(latest // DAY) + EPOCH_DAY).year
    for guess in range(year, max(year - 9, 0), -1):  # nine years hold a 29 February even around 2100
        found = seconds_of(guess, month, day, hour, minute, second)
        if found is not None and found <= latest:
            return found
    return None


def in_order(first: int, separator: bytes, second: int, third: int) -> tuple[int, int, int]:
    """Year, month, day of a date of three numbers. ``/`` and ``-`` are American where nothing speaks against it."""
    if first > 31 or first == 0:
        return full_year(first), second, third
    if separator == b"." or first > 12:
        return full_year(third), second, first
    return full_year(third), first, second
