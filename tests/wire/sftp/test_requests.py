"""Requests as the draft draws them."""

from __future__ import annotations

import pytest

from ftpcli.wire.sftp import requests
from ftpcli.wire.sftp.attributes import Attributes
from ftpcli.wire.sftp.codes import OpenFlag
from ftpcli.wire.sftp.requests import Request


def packed(*parts: bytes | int) -> bytes:
    """Numbers as uint32, bytes as strings; the length goes in front."""
    body = b"".join(part.to_bytes(4, "big") if isinstance(part, int) else part for part in parts)
    return len(body).to_bytes(4, "big") + body


def text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


EIGHT = (5).to_bytes(8, "big")


@pytest.mark.parametrize(
    ("request_", "kind", "fields"),
    [
        (requests.open_file(b"/f", OpenFlag.WRITE | OpenFlag.CREATE), 3, (text(b"/f"), 0x0A, 0)),
        (
            requests.open_file(b"/f", OpenFlag.WRITE | OpenFlag.EXCLUSIVE, Attributes(permissions=0o600)),
            3,
            (text(b"/f"), 0x22, 4, 0o600),
        ),
        (requests.close(b"h"), 4, (text(b"h"),)),
        (requests.read(b"h", 5, 9), 5, (text(b"h"), EIGHT, 9)),
        (requests.lstat(b"/f"), 7, (text(b"/f"),)),
        (requests.fstat(b"h"), 8, (text(b"h"),)),
        (requests.set_stat(b"/f", Attributes(atime=1, mtime=2)), 9, (text(b"/f"), 8, 1, 2)),
        (requests.open_directory(b"/"), 11, (text(b"/"),)),
        (requests.read_directory(b"h"), 12, (text(b"h"),)),
        (requests.remove(b"/f"), 13, (text(b"/f"),)),
        (requests.make_directory(b"/d"), 14, (text(b"/d"), 0)),
        (requests.remove_directory(b"/d"), 15, (text(b"/d"),)),
        (requests.real_path(b"."), 16, (text(b"."),)),
        (requests.stat(b"/f"), 17, (text(b"/f"),)),
        (requests.rename(b"/a", b"/b"), 18, (text(b"/a"), text(b"/b"))),
        (requests.limits(), 200, (text(b"limits@openssh.com"),)),
        (requests.fsync(b"h"), 200, (text(b"fsync@openssh.com"), text(b"h"))),
        (requests.statvfs(b"/"), 200, (text(b"statvfs@openssh.com"), text(b"/"))),
        (requests.posix_rename(b"/a", b"/b"), 200, (text(b"posix-rename@openssh.com"), text(b"/a"), text(b"/b"))),
        (
            requests.copy_data(b"r", 5, 7, b"w", 9),
            200,
            (text(b"copy-data"), text(b"r"), EIGHT, (7).to_bytes(8, "big"), text(b"w"), (9).to_bytes(8, "big")),
        ),
        (
            requests.check_file(b"h", "md5"),
            200,
            (text(b"check-file-handle"), text(b"h"), text(b"md5"), bytes(20)),
        ),
    ],
)
def test_bytes(request_: Request, kind: int, fields: tuple[bytes | int, ...]) -> None:
    assert request_.encode(77) == packed(bytes((kind,)), 77, *fields)


def test_write_leaves_the_data_to_follow() -> None:
    assert requests.write(b"h", 5, 4).encode(1) + b"data" == packed(b"\6", 1, text(b"h"), EIGHT, text(b"data"))
    assert packed(b"\1", 3) == requests.INIT


def test_the_trace_shows_what_it_is_about_and_nothing_that_moves_a_terminal() -> None:
    assert str(requests.stat(b"/a\x1b[2J\xff")) == r"STAT /a\x1b[2J\udcff"
    assert str(requests.posix_rename(b"/a", b"/b")) == "EXTENDED posix-rename@openssh.com /a"
    assert str(requests.close(b"h")) == "CLOSE"
