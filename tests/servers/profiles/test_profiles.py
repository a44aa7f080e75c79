"""The tables of profiles, and docs/servers.md, which lists them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.servers.profiles import FTP_PROFILES, PROFILES, SFTP_PROFILES
from tests.servers.profiles.profile import CONSTRUCTED, FtpProfile, SftpProfile, row

PAGE = Path(__file__).parents[3] / "docs" / "servers.md"


def test_the_page_has_each_profile_and_no_other() -> None:
    """`python -m tests.servers.profiles` prints what has to be there."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert lines == [row(profile) for profile in (*FTP_PROFILES, *SFTP_PROFILES)]


def test_no_name_twice() -> None:
    assert Counter(profile.name for profile in (*FTP_PROFILES, *SFTP_PROFILES)).most_common(1)[0][1] == 1


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_each_says_where_it_comes_from(profile: FtpProfile | SftpProfile) -> None:
    assert profile.source == CONSTRUCTED or profile.source.startswith("https://") or "measured" in profile.source
    assert profile.deviation.endswith(".")
    assert profile.ftpcli.endswith(".")
