"""Servers that people have, as data: what each of them does that an ordinary server does not, and who reported it.

A profile is a row of a table (``ftp.py`` and its neighbours, ``sftp.py``): a name, the deviation, what ftpcli does
about it, the source, and the settings and hooks that make the scripted servers behave so. ``tests/matrix`` runs every
command against every profile; docs/servers.md lists them.
"""

from __future__ import annotations

from .ftp import FTP
from .ftp_files import FTP_FILES
from .profile import FtpProfile, SftpProfile
from .sftp import SFTP

__all__ = ["FTP_PROFILES", "PROFILES", "SFTP_PROFILES", "FtpProfile", "SftpProfile"]

FTP_PROFILES: tuple[FtpProfile, ...] = (*FTP, *FTP_FILES)
SFTP_PROFILES: tuple[SftpProfile, ...] = SFTP
PROFILES: dict[str, FtpProfile | SftpProfile] = {profile.name: profile for profile in (*FTP_PROFILES, *SFTP_PROFILES)}
