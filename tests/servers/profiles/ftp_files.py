"""FTP servers that differ in what they do to files: names, uploads, resuming, times, renames, deletes."""

from __future__ import annotations

from tests.servers.profiles import ftp_hooks as hooks
from tests.servers.profiles.ftp_hooks import UNSUPPORTED, refused
from tests.servers.profiles.profile import CONSTRUCTED, FtpProfile
from tests.servers.scripted import name_rules
from tests.servers.scripted.server import FEATURES

WITHOUT_MFMT = tuple(feature for feature in FEATURES if feature != "MFMT")
QUOTA = 600_000

NAMES = (
    FtpProfile(
        "ignores case",
        "Names that differ in case only are one file, as on Windows.",
        "Learns that; twins are a conflict that is reported, and no file is deleted under its other spelling.",
        "https://github.com/duplicati/duplicati/issues/1282",
        names=name_rules.IGNORES_CASE,
    ),
    FtpProfile(
        "keeps the old spelling",
        "Names that differ in case only are one file, and it keeps the first spelling, even when it is renamed.",
        "As above; the spelling on the server is left alone.",
        "https://github.com/ppareit/swiftp/issues/21",
        names=name_rules.IGNORES_CASE_KEEPS_SPELLING,
    ),
    FtpProfile(
        "lower case",
        "Stores every name in lower case.",
        "As above: the name on the server is the same file.",
        "https://github.com/lavv17/lftp/issues/496",
        names=name_rules.LOWER,
    ),
    FtpProfile(
        "upper case",
        "Stores every name in upper case.",
        "As above: the name on the server is the same file.",
        CONSTRUCTED,
        names=name_rules.UPPER,
    ),
    FtpProfile(
        "decomposed names",
        "Stores names in Unicode's form NFD, as HFS+ does.",
        "As above: the name on the server is the same file.",
        "https://github.com/google/adb-sync/pull/20",
        names=name_rules.NFD,
    ),
    FtpProfile(
        "drops trailing dots",
        "Ignores case, and drops dots and blanks at the end of a name, as Windows does.",
        "As above: the name on the server is the same file.",
        "https://learn.microsoft.com/en-us/troubleshoot/windows-client/shell-experience/"
        "file-folder-name-whitespace-characters",
        names=name_rules.WINDOWS,
    ),
    FtpProfile(
        "no dot names",
        "Names that begin with a dot are refused with 553, as by Pure-FTPd with ProhibitDotFilesWrite.",
        "Uploads under another part name, or in place, and says so.",
        "https://github.com/lavv17/lftp/issues/625",
        hooks=dict.fromkeys(("STOR", "RNFR", "RNTO", "DELE", "MKD"), hooks.no_dot_names()),
    ),
)

RENAMES = (
    FtpProfile(
        "no rename",
        "RNTO is answered 553.",
        "New files are stored under their final names, which is said; one that exists fails, and --in-place is named.",
        "https://github.com/rclone/rclone/issues/7271",
        hooks={"RNTO": "553 Can't rename file."},
    ),
    FtpProfile(
        "RNFR unknown",
        "RNFR is answered 502.",
        "New files are stored under their final names, which is said; one that exists fails, and --in-place is named.",
        CONSTRUCTED,
        hooks=refused(UNSUPPORTED, "RNFR", "RNTO"),
    ),
    FtpProfile(
        "no rename over a file",
        "RNTO onto an existing file is refused, as by IIS and FileZilla Server.",
        "Steps the old file aside, renames, and deletes the old one.",
        "https://github.com/dg/ftp-deployment/pull/5",
        settings={"rename_replaces": False},
    ),
    FtpProfile(
        "rename over a file not done",
        "RNTO onto an existing file is answered 250, and nothing is done.",
        "Looks what has the name before it believes that.",
        "https://github.com/ppareit/swiftp/issues/232",
        hooks={"RNTO": hooks.rename_not_done},
    ),
)

RESUMING = (
    FtpProfile(
        "STOR ignores REST",
        "REST is answered 350, and STOR begins a new file all the same.",
        "Looks at the size behind it: what is too short is sent again from its start.",
        "https://github.com/hfiref0x/LightFTP/issues/80",
        hooks={"STOR": hooks.from_the_start},
    ),
    FtpProfile(
        "RETR ignores REST",
        "REST is answered 350, and RETR sends the file from its start all the same.",
        "Counts what arrives against the size: nothing is spliced.",
        "https://github.com/bolcom/libunftp/issues/462",
        hooks={"RETR": hooks.from_the_start},
    ),
    FtpProfile(
        "REST refused",
        "REST is always an error.",
        "Begins anew.",
        "https://github.com/AlistGo/alist/pull/7792",
        settings={"features": tuple(feature for feature in FEATURES if not feature.startswith("REST"))},
        hooks={"REST": UNSUPPORTED},
    ),
    FtpProfile(
        "quota, part removed",
        f"An upload is cut at {QUOTA} bytes with 552, and what came of it is removed, as by ProFTPD's mod_quotatab.",
        "The file failed: exit 6. What was there before stays.",
        "https://github.com/curl/curl/issues/6016",
        hooks={"STOR": hooks.full_after(QUOTA, "552 Transfer aborted. Disk quota exceeded", leaves=False)},
    ),
    FtpProfile(
        "disk full, part stays",
        f"An upload is cut at {QUOTA} bytes with 452, and what came of it stays.",
        "The file failed: exit 6. The part file is deleted; what was there before stays.",
        CONSTRUCTED,
        hooks={"STOR": hooks.full_after(QUOTA, "452 No space left on device", leaves=True)},
    ),
    FtpProfile(
        "sends on",
        "RETR goes on beyond the size that was told.",
        "Stops at the size: the file changed. Nothing takes its name.",
        CONSTRUCTED,
        hooks={"RETR": hooks.sends_more(b"and more" * 5000)},
    ),
    FtpProfile(
        "an empty upload changes nothing",
        "STOR of no bytes leaves an existing file as it was.",
        "Uploads under a part name, so that nothing is there before.",
        "https://github.com/wolpi/prim-ftpd/issues/420",
        hooks={"STOR": hooks.keeps_a_longer_file},
    ),
)

TIMES = (
    FtpProfile(
        "MFMT not done",
        "MFMT is answered 213, and the time stays.",
        "Learns that, compares with the time that the server gave, and says so once.",
        CONSTRUCTED,
        settings={"ignores_times": True},
    ),
    FtpProfile(
        "times to two seconds",
        "Times are kept to two seconds, as FAT does.",
        "Learns that, and compares within two seconds.",
        "https://github.com/wolpi/prim-ftpd/pull/360",
        settings={"time_precision": 2},
    ),
    FtpProfile(
        "times to the minute",
        "Times are kept to the minute.",
        "Learns that, and compares within a minute.",
        CONSTRUCTED,
        settings={"time_precision": 60},
    ),
    *(
        FtpProfile(
            f"clock {words}",
            f"Times cannot be set, and the clock is {words}.",
            "Measures by how much, and compares with that; says so once where it is off.",
            source,
            settings={"features": WITHOUT_MFMT, "clock_offset": float(seconds)},
            hooks=refused(UNSUPPORTED, "MFMT", "SITE"),
        )
        for words, seconds, source in (
            ("right", 0, "https://github.com/heminei/vscode-pro-deployer/issues/66"),
            ("an hour ahead", 3600, "https://github.com/NoxArt/SublimeText2-FTPSync/issues/119"),
            ("two minutes behind", -120, CONSTRUCTED),
            ("three days ahead", 3 * 86400, CONSTRUCTED),
        )
    ),
)

OTHERS = (
    FtpProfile(
        "drop box",
        "Uploads only: listings, RETR, SIZE, MDTM, MLST, RNFR and DELE are refused.",
        "put fails with exit 6 and names --in-place, which works; mirror fails, for it has to list.",
        "https://github.com/moov-io/go-sftp/pull/256",
        hooks=refused(
            "550 Permission denied.",
            "MLSD",
            "LIST",
            "NLST",
            "RETR",
            "SIZE",
            "MDTM",
            "MLST",
            "RNFR",
            "DELE",
            "MFMT",
            "SITE",
        ),
    ),
    FtpProfile(
        "takes files away",
        "A program takes each file as soon as it has its name.",
        "A file that was stored and is gone was delivered.",
        "https://github.com/robinrodricks/FluentFTP/issues/292",
        takes_away=True,
        hooks={"RNTO": hooks.gone_once_named},
    ),
    FtpProfile(
        "takes files away at once",
        "A program takes each file as soon as it was stored, whatever its name.",
        "The file failed: exit 6; the message names --in-place and mirror --verify none, which work together.",
        "https://github.com/paramiko/paramiko/issues/1843",
        takes_away=True,
        hooks={"STOR": hooks.gone_once_stored},
    ),
    FtpProfile(
        "two replies to DELE",
        "DELE, RMD and MKD are answered twice.",
        "Reads what is there before it sends the next command. Where a reply came too late for that, what may have "
        "been refused is named: exit 12.",
        "https://github.com/smealum/ftpony/pull/6",
        hooks=dict.fromkeys(("DELE", "RMD", "MKD"), hooks.together("250 Done.")),
    ),
    FtpProfile(
        "DELE refused",
        "DELE is answered 550.",
        "Nothing is deleted, and that is said: exit 6.",
        CONSTRUCTED,
        hooks={"DELE": "550 Permission denied."},
    ),
    FtpProfile(
        "data in clear after PROT P",
        "PROT P is accepted, and data connections are not encrypted.",
        "Refuses: exit 4.",
        CONSTRUCTED,
        settings={"tls": "explicit"},
        hooks=dict.fromkeys(("MLSD", "LIST", "RETR"), hooks.data_in_clear),
    ),
    FtpProfile(
        "OPTS hangs up",
        "The connection ends at OPTS.",
        "Says that the server closed the connection: exit 3.",
        CONSTRUCTED,
        hooks={"OPTS": hooks.hangs_up},
    ),
)

FTP_FILES: tuple[FtpProfile, ...] = (*NAMES, *RENAMES, *RESUMING, *TIMES, *OTHERS)
