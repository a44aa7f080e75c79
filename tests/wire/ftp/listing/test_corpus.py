"""Raw listings in ``tests/corpus/listings`` and what must come of them, whole and byte by byte.

In the JSON beside each listing, ``mtime`` is ISO time, and ``utc`` says whether the server told it as UTC; what is not
there is None.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ftpcli.model import Entry, Kind, Listing
from ftpcli.wire.ftp.listing import ListingParser

CORPUS = Path(__file__).parents[3] / "corpus" / "listings"
NAMES = sorted(path.stem for path in CORPUS.glob("*.txt"))


def seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).replace(tzinfo=timezone.utc).timestamp()


def entry(told: dict[str, Any]) -> Entry:
    return Entry(
        told["name"],
        Kind(told["kind"]),
        told.get("size"),
        seconds(told["mtime"]) if "mtime" in told else None,
        told.get("precision", 1.0),
        told.get("utc", False),
        int(told["mode"], 8) if "mode" in told else None,
        told.get("owner"),
        told.get("group"),
        told.get("target"),
    )


def read(raw: bytes, step: int, *, facts: bool, now: float) -> Listing:
    parser = ListingParser(facts=facts, now=now)
    for start in range(0, len(raw), step):
        parser.feed(memoryview(raw)[start : start + step])
    return parser.finish()


def test_there_is_a_listing_of_every_dialect() -> None:
    from ftpcli.wire.ftp.listing.dialects import DIALECTS

    assert {name.split("-")[0] for name in NAMES} == {*DIALECTS, "facts"}


@pytest.mark.parametrize("name", NAMES)
def test_listing(name: str) -> None:
    raw = (CORPUS / f"{name}.txt").read_bytes()
    told = json.loads((CORPUS / f"{name}.json").read_text("utf-8"))
    expected = Listing(tuple(entry(one) for one in told["entries"]), tuple(told["problems"]))
    now = seconds(told["now"])
    assert read(raw, len(raw), facts=told["facts"], now=now) == expected
    assert read(raw, 1, facts=told["facts"], now=now) == expected
    assert read(raw.replace(b"\r\n", b"\n"), 7, facts=told["facts"], now=now) == expected
    cut = read(raw.rstrip(b"\r\n"), 4096, facts=told["facts"], now=now)
    others = tuple(problem for problem in cut.problems if not problem.startswith("its listing ends in the middle of"))
    assert len(others) == len(cut.problems) - 1
    assert replace(cut, problems=others) == expected
