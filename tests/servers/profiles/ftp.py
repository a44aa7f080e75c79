"""FTP servers that differ in how they talk: login, passive mode, listings, questions about one path."""

from __future__ import annotations

from tests.servers.profiles import ftp_hooks as hooks
from tests.servers.profiles.ftp_hooks import UNKNOWN, UNSUPPORTED, refused
from tests.servers.profiles.profile import CONSTRUCTED, FtpProfile
from tests.servers.scripted.faults import afterwards
from tests.servers.scripted.server import FEATURES

WITHOUT_MLST = tuple(feature for feature in FEATURES if not feature.startswith("MLST"))
FACTS = "MLST type*;size*;modify*;perm*;"

ORDINARY = FtpProfile(
    "ordinary",
    "Nothing: RFC 959, RFC 2389, RFC 2428 and RFC 3659 as they stand.",
    "Everything.",
    "https://www.rfc-editor.org/rfc/rfc3659",
)

LOGIN = (
    FtpProfile(
        "FEAT unknown",
        "FEAT is answered 500.",
        "Goes on with LIST and SIZE, and asks MDTM until that is unknown too.",
        "https://github.com/aio-libs/aioftp/issues/121",
        hooks=refused(UNKNOWN, "FEAT", "OPTS"),
    ),
    FtpProfile(
        "two replies to PASS",
        "A second 230, with the welcome text, comes behind the one that answers PASS.",
        "Reads what is there before it sends the next command.",
        "https://github.com/loresoft/msbuildtasks/issues/285",
        hooks={"PASS": afterwards("230 Have a nice day.")},
    ),
    FtpProfile(
        "two replies to OPTS",
        "OPTS is answered by two 500.",
        "Ends each session in which a reply is left over: exit 12, in the server's words.",
        "https://github.com/patrickjuchli/basic-ftp/issues/120",
        hooks={"OPTS": "500 Unknown option: MLST\r\n500 Unknown option: OPTS"},
    ),
    FtpProfile(
        "PWD refused",
        "PWD is answered 550.",
        "Does without: paths stay relative to the login directory.",
        CONSTRUCTED,
        hooks={"PWD": "550 Permission denied."},
    ),
    FtpProfile(
        "PWD without quotes",
        "The 257 that answers PWD has no quotes around the directory.",
        "Does without: paths stay relative to the login directory.",
        "https://github.com/micropython/micropython/pull/6716",
        hooks={"PWD": "257 /"},
    ),
    FtpProfile(
        "two replies to CWD",
        "CWD is answered by a 200 and then by the 250.",
        "Ends a session in which a reply is left over, and goes on with another; some commands end in exit 12.",
        "https://github.com/patrickjuchli/basic-ftp/issues/157",
        hooks={"CWD": afterwards("250 Directory successfully changed.")},
    ),
)

PASSIVE = (
    FtpProfile(
        "EPSV refused with 550",
        "EPSV is answered 550 Permission denied, as by vsftpd with cmds_denied=EPSV.",
        "Fails with the server's words; --data-mode pasv helps.",
        "https://github.com/aio-libs/aioftp/issues/162",
        hooks={"EPSV": "550 Permission denied."},
    ),
    FtpProfile(
        "EPSV unknown",
        "EPSV is announced and answered 500, as by Pure-FTPd with BrokenClientsCompatibility.",
        "Tries PASV, and remembers that for the run.",
        "https://github.com/n8n-io/n8n/issues/39221",
        hooks={"EPSV": UNKNOWN},
    ),
    FtpProfile(
        "229 short of a delimiter",
        "The 229 that answers EPSV has one delimiter too few.",
        "Fails with the server's words, exit 12; --data-mode pasv helps.",
        "https://github.com/robinrodricks/FluentFTP/issues/1793",
        hooks={"EPSV": hooks.epsv_answers("229 Entering Extended Passive Mode (||{port}|)")},
    ),
    FtpProfile(
        "EPSV answered 227",
        "EPSV is answered as if it had been PASV.",
        "Fails with the server's words, exit 12; --data-mode pasv helps.",
        "https://github.com/patrickjuchli/basic-ftp/issues/164",
        hooks={"EPSV": hooks.epsv_answers("227 Entering Passive Mode (127,0,0,1,{high},{low}).")},
    ),
    FtpProfile(
        "227 without brackets",
        "EPSV is unknown, and the 227 has the address without brackets.",
        "Looks for six numbers, wherever they stand.",
        "https://github.com/cathery/sys-ftpd/issues/7",
        hooks={"EPSV": UNKNOWN, "PASV": hooks.epsv_answers("227 127,0,0,1,{high},{low}")},
    ),
    FtpProfile(
        "227 with a private address",
        "EPSV is unknown, and the 227 names an address behind the server's router.",
        "Connects to the address of the control connection instead.",
        "https://github.com/robinrodricks/FluentFTP/issues/270",
        settings={"pasv_address": "192.168.178.2"},
        hooks={"EPSV": UNKNOWN},
    ),
)

LISTINGS = (
    FtpProfile(
        "no MLSD",
        "MLSD and MLST are unknown: there is LIST only.",
        "Reads LIST, and asks MDTM for exact times.",
        "https://github.com/secsy/goftp/issues/2",
        settings={"features": WITHOUT_MLST},
        hooks=refused(UNKNOWN, "MLSD", "MLST"),
    ),
    FtpProfile(
        "MLSD announced and refused",
        "FEAT names MLST, and MLSD is answered 550, as by ProFTPD with <Limit MLSD>.",
        "What needs a listing or a look at a path fails with the server's words.",
        "ProFTPD 1.3.8, measured",
        hooks=refused("550 Permission denied.", "MLSD", "MLST"),
    ),
    FtpProfile(
        "MLST announced and unknown",
        "FEAT names MLST; MLSD works, MLST is answered 500.",
        "Lists; what needs a look at one path fails with the server's words.",
        "https://github.com/robinrodricks/FluentFTP/issues/1635",
        hooks={"MLST": UNKNOWN},
    ),
    FtpProfile(
        "LIST takes no options",
        "No MLSD; LIST -a is answered 550, for there is no file of that name.",
        "Lists without options, and remembers that for the run.",
        "https://github.com/patrickjuchli/basic-ftp/issues/91",
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "LIST": hooks.without_options("550 No such file or directory.")},
    ),
    FtpProfile(
        "LIST -a is empty",
        "No MLSD; LIST -a lists nothing, for there is no file of that name, and says 226.",
        "Does not believe an empty LIST -a before LIST said the same.",
        "https://github.com/patrickjuchli/basic-ftp/issues/273",
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "LIST": hooks.without_options(None)},
    ),
    FtpProfile(
        "empty directory is 550",
        "No MLSD; LIST of an empty directory is answered 550 No files found.",
        "Takes it for empty once CWD has shown that it is there.",
        "https://github.com/robinrodricks/FluentFTP/pull/316",
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "LIST": hooks.empty_answered("550 No files found.")},
    ),
    FtpProfile(
        "empty directory is 450",
        "No MLSD; LIST of an empty directory is answered 450.",
        "Takes it for empty once CWD has shown that it is there.",
        "https://github.com/robinrodricks/FluentFTP/pull/1363",
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "LIST": hooks.empty_answered("450 No files found.")},
    ),
    FtpProfile(
        "listing cut at a limit",
        "A listing ends at four entries, and only the final reply says so, as Pure-FTPd's does at its limit.",
        "What was listed is done, the directory is named, nothing is deleted on its word, exit 1.",
        "https://github.com/duplicati/duplicati/issues/6005",
        hooks=dict.fromkeys(
            ("MLSD", "LIST"),
            hooks.listing(
                lambda lines: lines[:4],
                lambda count: f"226-Output truncated to 4 matches\r\n226 {count} matches total" if count > 4 else None,
            ),
        ),
    ),
    FtpProfile(
        "listing failed, says 226",
        "A directory that cannot be read is an empty listing, and the final reply says so, as vsftpd's does.",
        "The directory failed: it is named, nothing is deleted on its word.",
        "https://github.com/FujiNetWIFI/fujinet-firmware/issues/1670",
        hooks=dict.fromkeys(
            ("MLSD", "LIST"),
            hooks.listing(
                lambda lines: lines if len(lines) > 3 else [],
                lambda count: None if count > 3 else "226 Transfer done (but failed to open directory).",
            ),
        ),
    ),
    FtpProfile(
        "no type in MLSD",
        "MLSD lists names with their sizes and times, and without their types.",
        "Each line is a problem: the listing is not whole.",
        "https://github.com/aio-libs/aioftp/issues/78",
        hooks={"MLSD": hooks.listing(lambda lines: [line.split(";", 1)[1] for line in lines])},
    ),
    FtpProfile(
        "names listed twice",
        "Each entry is in the listing twice.",
        "Takes it once, and says so.",
        CONSTRUCTED,
        hooks=dict.fromkeys(("MLSD", "LIST"), hooks.listing(lambda lines: lines * 2)),
    ),
    FtpProfile(
        "two replies to a listing",
        "A second 226 comes behind the one that ends a listing.",
        "Ends a session in which a reply is left over, and goes on with another; some commands end in exit 12.",
        "https://github.com/proftpd/proftpd/pull/2339",
        hooks=dict.fromkeys(("MLSD", "LIST"), afterwards("226 Transfer complete.")),
    ),
)

QUESTIONS = (
    FtpProfile(
        "no SIZE",
        "SIZE is answered 502, and there is no MLST.",
        "Mirrors; what needs a look at one file fails: it counts as not found.",
        "https://github.com/SmingHub/Sming/issues/209",
        settings={"features": ("UTF8", "MDTM", "MFMT", "REST STREAM", "EPSV")},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "SIZE": UNSUPPORTED},
    ),
    FtpProfile(
        "SIZE of directories",
        "SIZE answers for directories too, and there is no MLST.",
        "What CWD can enter is a directory.",
        "https://github.com/fclairamb/ftpserverlib/pull/501",
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "SIZE": hooks.size_of_anything},
    ),
    FtpProfile(
        "SIZE is -1",
        "SIZE is answered 213 -1, and there is no MLST.",
        "Mirrors; what needs the size of one file fails with the server's words.",
        CONSTRUCTED,
        settings={"features": WITHOUT_MLST},
        hooks={**refused(UNKNOWN, "MLSD", "MLST"), "SIZE": "213 -1"},
    ),
    FtpProfile(
        "aioftp",
        "aioftp's server: no FEAT, no SIZE, no MDTM, no MFMT, no SITE; LIST -a is answered 451.",
        "Lists; what needs a look at one file fails, for SIZE does not answer.",
        "https://github.com/aio-libs/aioftp/issues/121",
        hooks={
            **refused(UNSUPPORTED, "FEAT", "OPTS", "SIZE", "MDTM", "MFMT", "SITE", "ALLO"),
            "LIST": hooks.without_options("451 file system error"),
        },
    ),
    FtpProfile(
        "Apache FtpServer",
        "MLST of what is not there is answered 501, MLSD of what is not there is empty, and the current directory "
        "cannot be removed.",
        "An empty listing is believed once the directory is known to be there; a directory is left before "
        "it is removed. Uploads fail on the 501: exit 12.",
        "https://github.com/robinrodricks/FluentFTP/issues/292",
        hooks={"MLST": hooks.mlst_501, "MLSD": hooks.mlsd_of_nothing, "RMD": hooks.rmd_of_here},
    ),
)

FTP: tuple[FtpProfile, ...] = (ORDINARY, *LOGIN, *PASSIVE, *LISTINGS, *QUESTIONS)
