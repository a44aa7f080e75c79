"""known_hosts: what a line means, and that no line, however broken, makes a wrong key right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpcli.errors import UsageError
from ftpcli.wire.ssh.known_hosts import (
    Judgement,
    KnownHosts,
    Standing,
    fingerprint,
    key_type_of,
    line_for,
    name_of,
    parse,
    parse_revoked,
)
from ftpcli.wire.ssh.types import string
from tests.servers.packages import openssh_tool


def key(seed: str, kind: str = "ssh-ed25519") -> bytes:
    return string(kind) + string(hashlib.sha256(seed.encode()).digest())


def text(blob: bytes) -> str:
    return f"{key_type_of(blob)} {base64.b64encode(blob).decode()}"


def hashed(name: str, salt: bytes = b"s" * 20) -> str:
    digest = hmac.new(salt, name.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def judge(content: str, host: str, blob: bytes, port: int = 22) -> Standing:
    return KnownHosts(parse(content.encode())).judge(host, port, blob).standing


A, B, RSA = key("a"), key("b"), key("r", "ssh-rsa")


@pytest.mark.parametrize(
    ("names", "host", "port", "found"),
    [
        ("h", "h", 22, True),
        ("h", "H", 22, True),
        ("H", "h", 22, True),
        ("h", "x", 22, False),
        ("x,h", "h", 22, True),
        ("*.org", "h.org", 22, True),
        ("*.org,!h.org", "h.org", 22, False),
        ("[h]:2222", "h", 2222, True),
        ("[h]:2222", "h", 22, False),
        ("[h]:2222", "h", 2223, False),
        ("[*]:2222", "h", 2222, True),
        ("h", "h", 2222, True),  # the plain name is good for a yes at any port
        ("::1", "::1", 22, True),
        (hashed("h"), "h", 22, True),
        (hashed("h"), "H", 22, True),
        (hashed("[h]:2222"), "h", 2222, True),
        (hashed("h"), "x", 22, False),
        (hashed("*"), "x", 22, False),
    ],
)
def test_names(names: str, host: str, port: int, found: bool) -> None:
    expected = Standing.KNOWN if found else Standing.UNKNOWN
    assert judge(f"{names} {text(A)} comment here\n", host, A, port) is expected


def test_another_key_is_a_change_with_its_place() -> None:
    lines = f"# comment\n\nh {text(A)}\n"
    judgement = KnownHosts(parse(lines.encode(), "/k")).judge("h", 22, B)
    assert judgement.standing is Standing.CHANGED
    assert judgement.entry is not None
    assert (judgement.entry.where, judgement.entry.key) == ("/k:3", A)


def test_a_key_of_another_type_is_a_change_too() -> None:
    assert judge(f"h {text(A)}\n", "h", RSA) is Standing.CHANGED


def test_the_plain_name_is_no_reason_to_refuse_another_port() -> None:
    assert judge(f"h {text(A)}\n", "h", B, 2222) is Standing.UNKNOWN


def test_several_keys() -> None:
    lines = f"h {text(A)}\nh {text(RSA)}\nh,x {text(B)}\n"
    assert all(judge(lines, "h", blob) is Standing.KNOWN for blob in (A, B, RSA))
    assert KnownHosts(parse(lines.encode())).key_types("h", 22) == ("ssh-ed25519", "ssh-rsa")


@pytest.mark.parametrize(
    "lines", ["@revoked * {a}\nh {a}\n", "h {a}\n@revoked h {a}\n", "[h]:2222 {a}\n@revoked h {a}\n"]
)
def test_revoked_wins(lines: str) -> None:
    for port in (22, 2222):
        assert judge(lines.format(a=text(A)), "h", A, port) is Standing.REVOKED
    assert judge(lines.format(a=text(A)), "h", B, 2223) is Standing.UNKNOWN


def test_an_authority_is_no_host_key() -> None:
    known = KnownHosts(parse(f"@cert-authority *.org {text(A)}\n".encode()))
    assert known.judge("h.org", 22, A) == Judgement(Standing.UNKNOWN)
    assert [entry.key for entry in known.authorities("h.org", 2222)] == [A]
    assert known.authorities("h.com", 22) == ()


@pytest.mark.parametrize(
    "line",
    [
        "h",
        "h ssh-ed25519",
        "h ssh-ed25519 !!!!",
        "h ssh-ed25519 AAAA",
        f"h ssh-rsa {text(A).split()[1]}",  # the key says what it is itself
        f"@unknown h {text(A)}",
        f"@cert-authority {text(A)}",
        f"|1|AAAA {text(A)}",
        f"|2|AAAA|AAAA {text(A)}",
        f"|1||{base64.b64encode(bytes(20)).decode()} {text(A)}",
        f", {text(A)}",
        f"#h {text(A)}",
        "h 1024 35 12345678901234567890",  # SSH 1
    ],
)
def test_lines_that_say_nothing(line: str) -> None:
    assert list(parse(line.encode())) == []
    assert judge(f"{line}\nh {text(B)}\n", "h", B) is Standing.KNOWN


@given(st.binary(max_size=300))
def test_garbage_knows_no_key(content: bytes) -> None:
    known = KnownHosts(parse(content))
    assert known.judge("h", 22, A).standing is Standing.UNKNOWN
    assert not known.authorities("h", 22)


@given(st.data())
def test_a_damaged_line_never_makes_another_key_right(data: st.DataObject) -> None:
    line = bytearray(
        data.draw(st.sampled_from([f"h {text(A)}\n", f"{hashed('h')} {text(A)}\n", f"@revoked h {text(A)}\n"])).encode()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    assert KnownHosts(parse(bytes(line))).judge("h", 22, B).standing in (Standing.UNKNOWN, Standing.CHANGED)


@given(
    st.text("abc.-:", min_size=1, max_size=20),
    st.integers(1, 65535),
    st.one_of(st.none(), st.binary(min_size=20, max_size=20)),
)
def test_a_line_that_is_written_is_found_again(host: str, port: int, salt: bytes | None) -> None:
    line = line_for(host, port, A, salt)
    known = KnownHosts(parse(line))
    assert known.judge(host, port, A).standing is Standing.KNOWN
    assert known.judge(host, port, B).standing is Standing.CHANGED
    assert known.judge(host + "x", port, A).standing is Standing.UNKNOWN
    assert known.hashes_names is (salt is not None)
    assert line.count(b"\n") == 1


def test_the_names_and_fingerprints_of_openssh(tmp_path: Path) -> None:
    keygen = openssh_tool("ssh-keygen")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    kind, encoded = (tmp_path / "key.pub").read_text().split()[:2]
    shown = subprocess.run([keygen, "-lf", tmp_path / "key"], check=True, capture_output=True, text=True).stdout
    blob = base64.b64decode(encoded)
    assert fingerprint(blob) == shown.split()[1]
    file = tmp_path / "known_hosts"
    file.write_bytes(line_for("h.org", 2222, blob, b"x" * 20) + line_for("h.org", 22, blob, None))
    for name in (name_of("h.org", 2222), name_of("h.org", 22)):
        done = subprocess.run([keygen, "-F", name, "-f", file], check=True, capture_output=True, text=True)
        assert f"{kind} {encoded}" in done.stdout
    subprocess.run([keygen, "-H", "-f", file], check=True, capture_output=True)
    known = KnownHosts(parse(file.read_bytes()))
    assert known.hashes_names
    assert known.judge("h.org", 2222, blob).standing is Standing.KNOWN


def test_a_list_of_revoked_keys() -> None:
    lines = f"# ours\n\n  {text(key('a'))} anna@old\n{text(key('b'))}\r\n"
    hosts = f"h {text(key('a'))}\nh {text(key('c'))}\n"
    known = KnownHosts([*parse(hosts.encode()), *parse_revoked(lines.encode(), "file")])
    judged = known.judge("h", 22, key("a"))
    assert judged.standing is Standing.REVOKED
    assert judged.entry is not None
    assert judged.entry.where == "file:3"
    assert known.judge("[::1]", 2222, key("b")).standing is Standing.REVOKED
    assert known.judge("h", 22, key("c")).standing is Standing.KNOWN


@pytest.mark.parametrize("content", [b"SSHKRL\n\0rest", b"ssh-ed25519", b"ssh-ed25519 !", b"h ssh-ed25519 AAAA"])
def test_a_list_of_revoked_keys_that_cannot_be_read(content: bytes) -> None:
    with pytest.raises(UsageError):
        list(parse_revoked(content, "file"))
