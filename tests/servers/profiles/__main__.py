"""Prints the tables of docs/servers.md: `python -m tests.servers.profiles`."""

from __future__ import annotations

from tests.servers.profiles import FTP_PROFILES, SFTP_PROFILES
from tests.servers.profiles.profile import row

HEAD = "| server | what it does | what ftpcli does | reported | since |\n|---|---|---|---|---|"

if __name__ == "__main__":
    for title, profiles in (("FTP", FTP_PROFILES), ("SFTP", SFTP_PROFILES)):
        print(f"## {title}\n\n{HEAD}")
        print("\n".join(map(row, profiles)), end="\n\n")
