"""What servers say where they have no room, in place of 452 and 552."""

from __future__ import annotations

import pytest

from ftpcli.wire.ftp.storage_replies import says_full

FULL = [
    "451 Failure writing to local file.",
    "451 Error during write to file / Transfer aborted / 0.001 seconds (measured here), 163.82 Mbytes per second",
    "451 Transfer aborted. Input/output error",
    "426 No space left on device; transfer aborted.",
    "550 There is not enough space on the disk.",
    "550 Insufficient disk space",
    "451 Out of space",
    "550 Disk full.",
    "550 disk is full",
    "551 Quota exceeded",
    "553 Disk quota exceeded",
    "550 over quota",
]
OTHER = [
    "426 Failure reading network stream.",
    "451 Transfer aborted",
    "451 Requested action aborted: local error in processing",
    "426 Connection closed; transfer aborted.",
    "550 /spaces/quota/disk: Permission denied",
    "425 Unable to build data connection: Connection timed out",
    "226 Disk quota: 5 MB of 100 MB used",
]


@pytest.mark.parametrize("text", FULL)
def test_no_room(text: str) -> None:
    assert says_full(text)


@pytest.mark.parametrize("text", OTHER)
def test_something_else(text: str) -> None:
    assert not says_full(text)
