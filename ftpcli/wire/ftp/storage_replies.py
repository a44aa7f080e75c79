"""Refusals of an upload that mean a full disk or a used-up quota, though their code is not 452 or 552. Pure."""

from __future__ import annotations

import re

# Servers for Unix pass on what write(2) says. Where a block fits in part, there is no ENOSPC to pass on.
_WORDS = re.compile(
    r"failure writing to local file"  # vsftpd: 451
    r"|error during write to file"  # Pure-FTPd: 451
    r"|input/output error"  # ProFTPD: 451, for a short write
    r"|no space left|(?:not enough|insufficient|out of) (?:\w+ )?space"  # Windows: 550 or 426
    r"|dis[ck] (?:is )?full|quota (?:is |was |limit )?exceeded|(?:over|exceed\w*) (?:\w+ )?quota"
)


def says_full(text: str) -> bool:
    """Whether the final reply to STOR says that what came could not be written down."""
    return _WORDS.search(text.lower()) is not None
