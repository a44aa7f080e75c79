"""SFTP servers that differ from what draft-ietf-secsh-filexfer-02 says, or from what OpenSSH does."""

from __future__ import annotations

from ftpcli.wire.sftp.codes import Code, Packet
from tests.servers.profiles import sftp_quirks as quirks
from tests.servers.profiles.profile import CONSTRUCTED, SftpProfile
from tests.servers.scripted import name_rules
from tests.servers.scripted.clock import Clock
from tests.servers.scripted.sftp import OPENSSH

QUOTA = 600_000
STATFUL = (Packet.STAT, Packet.LSTAT, Packet.FSTAT)
SETTING = (Packet.SETSTAT, Packet.FSETSTAT)
RENAMING = (Packet.RENAME, quirks.POSIX_RENAME)
WITHOUT_POSIX_RENAME = {name: data for name, data in OPENSSH.items() if name != quirks.POSIX_RENAME}

_NAMES = (
    SftpProfile(
        "sftp: ignores case",
        "Names that differ in case only are one file, as on Windows.",
        "Learns that; twins are a conflict that is reported, and no file is deleted under its other spelling.",
        "https://github.com/duplicati/duplicati/issues/1282",
        names=name_rules.IGNORES_CASE,
    ),
    SftpProfile(
        "sftp: lower case",
        "Stores every name in lower case.",
        "As above: the name on the server is the same file.",
        "https://github.com/lavv17/lftp/issues/496",
        names=name_rules.LOWER,
    ),
    SftpProfile(
        "sftp: APFS",
        "Ignores case and Unicode's form, as macOS does.",
        "As above: the name on the server is the same file.",
        "https://github.com/lavv17/lftp/issues/221",
        names=name_rules.APFS,
    ),
    SftpProfile(
        "sftp: no dot names",
        "Names that begin with a dot are refused with PERMISSION_DENIED.",
        "Uploads under another part name, or in place, and says so.",
        CONSTRUCTED,
        quirks=(quirks.no_dot_names,),
    ),
)

_WRITES = (
    SftpProfile(
        "sftp: truncates what it opens",
        "Whatever is opened for writing is emptied, TRUNC or not.",
        "FSTAT behind OPEN: what is shorter than the offset is sent again from its start.",
        "https://github.com/paramiko/paramiko/issues/2368",
        quirks=(quirks.truncates,),
    ),
    *(
        SftpProfile(
            f"sftp: no write at an offset, {code.name}",
            f"Writes that do not follow one another from the start are answered {code.name}.",
            "Begins anew, once.",
            source,
            quirks=(quirks.writes_in_order_only(code),),
        )
        for code, source in (
            (Code.FAILURE, "https://github.com/pkg/sftp/issues/295"),
            (
                Code.OP_UNSUPPORTED,
                "https://learn.microsoft.com/en-us/azure/storage/blobs/secure-file-transfer-protocol-known-issues",
            ),
            (Code.BAD_MESSAGE, CONSTRUCTED),
            (Code.PERMISSION_DENIED, CONSTRUCTED),
        )
    ),
    SftpProfile(
        "sftp: opens with TRUNC only",
        "An existing file that is opened for writing without TRUNC is FAILURE, as on Azure.",
        "Begins anew, once.",
        "https://github.com/sshnet/SSH.NET/issues/1656",
        quirks=(quirks.new_or_truncated_only,),
    ),
    SftpProfile(
        "sftp: quota, FAILURE",
        f"Writes beyond {QUOTA} bytes are answered FAILURE.",
        "The file failed; its part file is deleted. What was there before stays.",
        CONSTRUCTED,
        quirks=(quirks.full_at(QUOTA, Code.FAILURE),),
    ),
    SftpProfile(
        "sftp: quota, QUOTA_EXCEEDED",
        f"Writes beyond {QUOTA} bytes are answered QUOTA_EXCEEDED.",
        "The file failed: exit 6; its part file is deleted. What was there before stays.",
        "https://www.ietf.org/archive/id/draft-ietf-secsh-filexfer-13.txt",
        quirks=(quirks.full_at(QUOTA, Code.QUOTA_EXCEEDED),),
    ),
    SftpProfile(
        "sftp: fsync refused",
        "fsync@openssh.com is announced, and refused.",
        "Goes on: the server has the bytes.",
        CONSTRUCTED,
        quirks=(quirks.refuses(Code.PERMISSION_DENIED, quirks.FSYNC),),
    ),
    SftpProfile(
        "sftp: a failed request discards the file",
        "FSETSTAT fails, and the file goes with it.",
        "Asks by path, once the file is closed.",
        "https://github.com/lavv17/lftp/pull/740",
        quirks=(quirks.failed_request_discards,),
    ),
)

_RENAMES = (
    SftpProfile(
        "sftp: no extensions",
        "Version 3 without extensions: RENAME onto an existing file is an error.",
        "Steps the old file aside, renames, and deletes the old one.",
        "https://github.com/lavv17/lftp/issues/217",
        settings={"extensions": {}},
    ),
    SftpProfile(
        "sftp: no rename",
        "RENAME is answered OP_UNSUPPORTED.",
        "New files are stored under their final names, which is said; one that exists fails, and --in-place is named.",
        "https://github.com/minio/minio/issues/17505",
        settings={"extensions": WITHOUT_POSIX_RENAME},
        quirks=(quirks.refuses(Code.OP_UNSUPPORTED, *RENAMING),),
    ),
    SftpProfile(
        "sftp: posix-rename fails",
        "posix-rename@openssh.com is announced and answered OP_UNSUPPORTED; RENAME works.",
        "Goes on with RENAME.",
        "https://github.com/kopia/kopia/issues/3035",
        quirks=(quirks.refuses(Code.OP_UNSUPPORTED, quirks.POSIX_RENAME),),
    ),
    SftpProfile(
        "sftp: drop box",
        "Uploads only: STAT, SETSTAT, OPENDIR, RENAME, REMOVE and reading are PERMISSION_DENIED.",
        "put fails with exit 6 and names --in-place, which works; mirror fails, for it has to list.",
        "https://github.com/moov-io/go-sftp/pull/256",
        quirks=(
            quirks.refuses(Code.PERMISSION_DENIED, *STATFUL, *SETTING, *RENAMING, Packet.OPENDIR, Packet.REMOVE),
            quirks.no_reading,
        ),
    ),
    SftpProfile(
        "sftp: takes files away",
        "A program takes each file as soon as it has its name.",
        "A file that was stored and is gone was delivered.",
        "https://github.com/paramiko/paramiko/issues/1843",
        takes_away=True,
        quirks=(quirks.taken_once_named,),
    ),
    SftpProfile(
        "sftp: takes files away at once",
        "A program takes each file as soon as it was closed, whatever its name.",
        "The file failed: exit 6; the message names --in-place and mirror --verify none, which work together.",
        "https://github.com/paramiko/paramiko/pull/1374",
        takes_away=True,
        quirks=(quirks.taken_once_closed,),
    ),
)

_TIMES = (
    SftpProfile(
        "sftp: SETSTAT unsupported",
        "SETSTAT and FSETSTAT are answered OP_UNSUPPORTED.",
        "Compares with the time that the server gave.",
        "https://github.com/paramiko/paramiko/issues/1969",
        quirks=(quirks.refuses(Code.OP_UNSUPPORTED, *SETTING),),
    ),
    SftpProfile(
        "sftp: SETSTAT ignored",
        "SETSTAT is answered OK and not done, as by AWS Transfer with ENABLE_NO_OP.",
        "Learns that, compares with the time that the server gave, and says so once.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-properties-transfer-server-protocoldetails.html",
        settings={"clock": Clock(ignores_times=True)},
    ),
    SftpProfile(
        "sftp: SETSTAT ignored, an hour ahead",
        "SETSTAT is answered OK and not done, and the clock is an hour ahead.",
        "Measures by how much, and compares with that; says so once where it is off.",
        CONSTRUCTED,
        settings={"clock": Clock(clock_offset=3600.0, ignores_times=True)},
    ),
    SftpProfile(
        "sftp: times to two seconds",
        "Times are kept to two seconds, as FAT does.",
        "Learns that, and compares within two seconds.",
        "https://github.com/wolpi/prim-ftpd/pull/360",
        settings={"clock": Clock(time_precision=2)},
    ),
)

_LOOKS = (
    SftpProfile(
        "sftp: no types",
        "Permissions come without the type of the file; the lines of READDIR tell it.",
        "Takes the type from the line, else from OPENDIR.",
        "https://github.com/apache/mina-sshd/issues/489",
        settings={"typed": False},
    ),
    SftpProfile(
        "sftp: no types, no lines",
        "Permissions come without the type of the file, and READDIR without lines.",
        "What OPENDIR opens is a directory.",
        "https://github.com/AspectUnk/russh-sftp/issues/52",
        settings={"typed": False, "long_names": False},
    ),
    SftpProfile(
        "sftp: ends with an empty page",
        "The end of a directory is a NAME of no entries.",
        "Takes it for the end.",
        CONSTRUCTED,
        settings={"empty_page_ends": True},
    ),
    SftpProfile(
        "sftp: missing is FAILURE",
        "What is not there is answered FAILURE.",
        "Downloads; uploads of new files fail with the server's words.",
        CONSTRUCTED,
        quirks=(quirks.missing_is(Code.FAILURE),),
    ),
    SftpProfile(
        "sftp: no READLINK",
        "READLINK is answered OP_UNSUPPORTED.",
        "Takes it that there are no links.",
        "https://learn.microsoft.com/en-us/azure/storage/blobs/secure-file-transfer-protocol-known-issues",
        quirks=(quirks.refuses(Code.OP_UNSUPPORTED, Packet.READLINK, Packet.SYMLINK),),
    ),
    SftpProfile(
        "sftp: no FSTAT",
        "FSTAT is answered OP_UNSUPPORTED.",
        "Asks STAT.",
        CONSTRUCTED,
        quirks=(quirks.refuses(Code.OP_UNSUPPORTED, Packet.FSTAT),),
    ),
    SftpProfile(
        "sftp: names listed twice",
        "Each entry is in the listing twice.",
        "Takes it once, and says so.",
        CONSTRUCTED,
        settings={"repeated": 2},
    ),
    SftpProfile(
        "sftp: short reads",
        "A READ is answered with 1000 bytes at most.",
        "Asks for the rest.",
        "https://www.ietf.org/archive/id/draft-ietf-secsh-filexfer-02.txt",
        settings={"max_read": 1000},
    ),
    SftpProfile(
        "sftp: reads on",
        "READ behind the size that was told gives more.",
        "Stops at the size: the file changed. Nothing takes its name.",
        CONSTRUCTED,
        quirks=(quirks.reads_on(b"and more" * 5000),),
    ),
)

SFTP: tuple[SftpProfile, ...] = (
    SftpProfile(
        "sftp: ordinary",
        "Nothing: OpenSSH's server.",
        "Everything.",
        "https://www.ietf.org/archive/id/draft-ietf-secsh-filexfer-02.txt",
    ),
    *_NAMES,
    *_WRITES,
    *_RENAMES,
    *_TIMES,
    *_LOOKS,
)
