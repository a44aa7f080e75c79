"""Digests in FEAT and in answers: examples, round trips, and garbage that raises PeerProtocolError at most."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import PeerProtocolError
from ftpcli.model import Digest
from ftpcli.wire.ftp.digests import Offer, parse_digest, parse_offers
from ftpcli.wire.ftp.reply import Reply

DIGITS = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32, "crc32": 8}
NAMES = {"sha256": "SHA-256", "sha512": "SHA-512", "sha1": "SHA-1", "md5": "MD5", "crc32": "CRC32"}
VERBS = {"sha256": "XSHA256", "sha512": "XSHA512", "sha1": "XSHA1", "md5": "XMD5", "crc32": "XCRC"}
HASH = Offer("sha256", "HASH", "SHA-256")
MD5 = "d41d8cd98f00b204e9800998ecf8427e"

algorithms = st.sampled_from(list(DIGITS))
cases = st.sampled_from([str.upper, str.lower])
# Names that look like a digest, too.
paths = st.text(st.characters(exclude_characters="\r\n\0"), min_size=1, max_size=30) | st.sampled_from(
    [MD5, f"0-5 {MD5}"]
)
scraps = st.sampled_from(["SHA-256", "MD5", "*", ";", " ", "-", "0-49", "0-", "٣", "²", "\udcff", MD5, MD5 * 2, "x"])
text = st.text(max_size=30) | st.lists(scraps, max_size=8).map("".join)


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    algorithm = draw(algorithms)
    return Digest(algorithm, draw(st.text("0123456789abcdef", min_size=DIGITS[algorithm], max_size=DIGITS[algorithm])))


def test_what_proftpd_offers() -> None:
    """ProFTPD 1.3.8 with mod_digest."""
    features = {"HASH": "CRC32;MD5;SHA-1*;SHA-256;SHA-512;", "MD5": "", "SIZE": ""}
    features |= dict.fromkeys(("XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"), "")
    assert [offer.command for offer in parse_offers(features)] == [
        *("HASH SHA-256", "XSHA256", "HASH SHA-512", "XSHA512"),
        *("HASH SHA-1", "XSHA1", "XSHA", "HASH MD5", "XMD5", "HASH CRC32", "XCRC"),
    ]
    assert [offer.name for offer in parse_offers(features) if offer.selected] == ["SHA-1"]


@pytest.mark.parametrize("feature", ["", ";", "*", "SHA-3;WHIRLPOOL*", "sha 256", "SHA-25٦"])
def test_hash_with_nothing_known(feature: str) -> None:
    assert parse_offers({"HASH": feature}) == ()


@given(wanted=st.lists(algorithms, unique=True), selected=algorithms, case=cases, spaced=st.booleans())
def test_offers_are_read_back(wanted: list[str], selected: str, case: Callable[[str], str], spaced: bool) -> None:
    items = [case(NAMES[algorithm]) + "*" * (algorithm == selected) for algorithm in wanted]
    offers = parse_offers({"HASH": ("; " if spaced else ";").join([*items, "TIGER"])})
    assert [offer.algorithm for offer in offers] == [algorithm for algorithm in DIGITS if algorithm in wanted]
    assert {offer.algorithm for offer in offers if offer.selected} == {selected} & set(wanted)
    assert all(offer.name.upper() == NAMES[offer.algorithm] for offer in offers)


@given(feature=text)
def test_any_feature_can_be_read(feature: str) -> None:
    assert all(offer.algorithm in DIGITS for offer in parse_offers({"HASH": feature, "XCRC": feature}))


@pytest.mark.parametrize(
    ("path", "hashed", "quoted"),
    [
        ("/a/b", "/a/b", "/a/b"),
        ('/q"uo\\te', '/q"uo\\te', '/q"uo\\te'),
        ("/two  spaces ", "/two  spaces ", '"/two  spaces "'),
        ('/q" \\', '/q" \\', '"/q\\" \\\\"'),
    ],
)
def test_arguments(path: str, hashed: str, quoted: str) -> None:
    assert HASH.argument(path) == hashed
    assert Offer("md5", "XMD5").argument(path) == quoted


@given(digest=digests(), path=paths, size=st.integers(0, 10**18), case=cases, slow=st.booleans())
def test_hash_answers_are_read_back(
    digest: Digest, path: str, size: int, case: Callable[[str], str], slow: bool
) -> None:
    """The algorithm that the answer names counts, and not the one that was asked for."""
    line = f"{NAMES[digest.algorithm]} 0-{size} {case(digest.value)} {path}"
    lines = ("Computing SHA-256 digest", " Computing...", line) if slow else (line,)
    assert parse_digest(Reply(213, lines), HASH) == digest


@given(
    digest=digests(),
    code=st.sampled_from([213, 250]),
    case=cases,
    before=st.sampled_from([(), ("Computing SHA256 digest",), ("", " Computing...")]),
    name=st.just("") | paths.map(" {}".format),
    after=st.sampled_from([(), ("Command successful.",), ("",)]),
)
def test_x_answers_are_read_back(
    digest: Digest, code: int, case: Callable[[str], str], before: tuple[str, ...], name: str, after: tuple[str, ...]
) -> None:
    line = f" {case(digest.value)}{name}"
    offer = Offer(digest.algorithm, VERBS[digest.algorithm])
    assert parse_digest(Reply(code, (*before, line, *after)), offer) == digest


@pytest.mark.parametrize(("line", "value"), [("0", "00000000"), ("1A2B3C", "001a2b3c"), ("00000001 a", "00000001")])
def test_crc_without_leading_zeros(line: str, value: str) -> None:
    assert parse_digest(Reply(250, (line,)), Offer("crc32", "XCRC")) == Digest("crc32", value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Done.",
        MD5,
        f"MD5 {MD5} name",
        f"MD5 0- {MD5} name",
        f"MD5 5-9 {MD5} name",  # a part of the file
        f"MD5 0-9 {MD5[1:]} name",
        f"MD5 0-9 {MD5}0 name",
        f"MD5 0-9 {MD5[1:]}x name",
        f"MD5 0-9 {MD5}x name",
        f"SHA-1 0-9 {MD5} name",
        f"TIGER 0-9 {MD5} name",
        f"MD5 0-9 {'٣' * 32} name",
    ],
)
def test_hash_answers_without_a_digest(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        parse_digest(Reply(213, (line,)), HASH)


@pytest.mark.parametrize("line", ["", "Done.", MD5[1:], MD5 + "0", f"name {MD5}", MD5[1:] + "g", "٣" * 32])
def test_x_answers_without_a_digest(line: str) -> None:
    with pytest.raises(PeerProtocolError):
        parse_digest(Reply(250, (line,)), Offer("md5", "XMD5"))


@given(
    lines=st.lists(text, min_size=1, max_size=4),
    offer=st.sampled_from([HASH, *(Offer(algorithm, verb) for algorithm, verb in VERBS.items())]),
)
def test_garbage_raises_nothing_else(lines: list[str], offer: Offer) -> None:
    with contextlib.suppress(PeerProtocolError):
        digest = parse_digest(Reply(213, tuple(lines)), offer)
        assert len(digest.value) == DIGITS[digest.algorithm]
