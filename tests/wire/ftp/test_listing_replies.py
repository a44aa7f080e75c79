"""Words in final replies to LIST and MLSD: those that deny success, and those that only look so."""

from __future__ import annotations

import pytest

from ftpcli.wire.ftp.listing_replies import Denial, denial, says_empty
from ftpcli.wire.ftp.reply import Reply

UNREADABLE = [
    ["Transfer done (but failed to open directory)."],  # vsftpd
    ["Here it is", "Transfer done (but failed to open directory)."],
    ["ls: .: Permission denied"],  # BSD ftpd, wu-ftpd
    ["Transfer complete. Access is denied."],
    ["ls: cannot access 'pub': No such file or directory", "Transfer complete."],
    ["Error: No such file or directory"],
    ["Could not read directory"],
    ["Unable to open directory /pub"],
    ["Failed to list directory."],
    ["Directory cannot be read."],
    ["Directory not readable"],
    ["Error opening directory"],
    ["You do not have permission to list this directory"],
    ["Listing not allowed"],
]
INCOMPLETE = [
    ["Options: -a -l ", "Output truncated to 48 matches"],  # Pure-FTPd
    ["Output truncated to 10000 matches"],
    ["Anzeige auf 10000 Einträge beschränkt."],  # Pure-FTPd in German,
    ["Anzeige auf 10000 Eintr\udce4ge beschr\udce4nkt."],  # whose messages are Latin-1,
    ["Wyj\udcb6cie obci\udceate do 48 pasuj\udcb1cych"],  # Polish
    ["Output afgekort naar 48 overeenstemmingen"],  # Dutch
    ["Вывод обрезан до 48 совпадений"],  # Russian
    ["Výstup zkrácen na 48 shod"],  # Czech
    ["V\udcfdstup zkr\udce1cen na 48 shod"],
    ["Vystup skrateny na 48 zhod"],  # Slovak
    ["Utdata trunkeras till 48 träffar"],  # Swedish
    ["Resultat er avkortet til 48 treff"],  # Norwegian
    ["Data afrundet til 48 sammenfald"],  # Danish
    ["Kimenet 48 részre csonkítva"],  # Hungarian
    ["Çıktı kısaltması 48 uygun"],  # Turkish
    ["Rezultat trunchiat la 48 potriviri"],  # Romanian
    ["Sortie tronquee a 10000 elements"],  # French
    ["Salida truncada a 10000 ocurrencias"],  # and Spanish
    ["Transfer aborted."],
    ["Data connection closed; transfer aborted."],
    ["Directory listing aborted"],
    ["Transfer incomplete"],
    ["Listing is not complete."],
    ["Partial listing sent."],
    ["List completed, but not all entries could be shown"],
    ["Only the first 1000 entries are shown."],
    ["Listing limited to 2000 files."],
    ["Listing stopped after 2000 files"],
    ["Listing was cut"],
    ["Max listing size reached"],
    ["Maximum of 2000 files listed"],
    ["Only 2000 of 2345 files shown"],
    ["2000 matches shown, 345 more not listed"],
    ["There were more files than could be displayed."],
    ["Directory has more than 2000 entries"],
    ["Die Ausgabe wurde auf 2000 Dateien begrenzt"],
    ["Truncation at 2000 entries"],
    ["Transfer complete. Maximum number of entries reached."],
    ["Listing limit exceeded."],
    ["Too many files in this directory."],
    ["Done with errors"],
    ["Transfer complete, 3 errors"],
    ["An error occurred while reading the directory"],
    ["Directory listing failed"],
    ["Operation timed out"],
    ["Transfer complete (but 3 entries were skipped)"],
    ["500 files listed and 1200 more"],
]
FINE = [
    ["Transfer complete."],  # ProFTPD, IIS, pyftpdlib, Serv-U, Titan, MikroTik
    ["Transfer complete"],
    ["Directory send OK."],  # vsftpd
    ["Options: -a -l ", "12 matches total"],  # Pure-FTPd
    ["0 matches total"],
    ["42 Einträge gesamt."],
    ["3 elements au total"],
    ["12 ocurrencias en total"],
    ["Closing data connection. 0 errors"],
    ["Closing data connection, sent 1234 bytes"],
    ["Transfer OK"],
    ["Transfer ok."],  # Wing FTP
    ["ASCII transfer completed, no error"],
    ["Transfer finished without any errors."],
    ["Error code: 0"],
    ["Completed (failed: 0, skipped: 0)"],
    ["List not truncated"],
    ["Send completed, no truncation"],
    ["Transferred 9 entries (max 10000)"],
    ["9 of 9 files listed."],
    ["Not limited"],
    ["No error reading directory"],
    ["Listing of /svn/trunk completed"],
    ["Speicherplatz auf 500 MB begrenzt", "Übertragung abgeschlossen"],
    ['Successfully transferred "/failed/incomplete"'],  # FileZilla Server, old
    ["Operation successful"],  # FileZilla Server, new
    ["Listing completed."],  # NcFTPd
    ["Directory transfer complete."],  # CrushFTP
    ["Transfer complete. 120 bytes transferred. 120 bps."],  # GlobalSCAPE EFT
    ["Transfer complete. 1,024 bytes transferred. 8.50 KB/sec."],  # Serv-U
    ["Transfer complete. 1024 bytes in 0.50 sec. (2.000 Kb/s)"],  # Titan
    ["Directory list has been submitted."],  # bftpd
    ["List completed successfully."],  # z/OS
    ["List completed."],  # IBM i
    ["Closed data connection"],  # Apache FtpServer: "Closing data connection."
    ["ABOR command successful"],
    # Serv-U, Gene6, RaidenFTPD
    ["Maximum disk quota limited to 1048576 kBytes", "Used disk quota 12 kBytes", "Transfer complete."],
    ["Quota usage: 5% of the limit", "Transfer complete."],
    ["Disk quota exceeded for uploads", "Transfer complete."],
    ["free disk space under this directory : 43876 mb", "transfer finished successfully."],  # BlackMoon
    # glftpd, ProFTPD's mod_ratio
    [
        "[Ul: 0.0MB] [Dl: 21.5MB] [Speed: 1234.50KB/s] [Free: 8711MB]",
        "[Credits: 14.6MB] [Ratio: 1:3]",
        "Directory list",
    ],
    ["[Section: DEFAULT] [Credits: 14.6MB] [Ratio: UL&DL: Unlimited]", "Transfer complete."],
    ["Download limit reached: 5 of 5 files", "Transfer complete."],
    ["Please report errors to ftp-admin@example.com", "Transfer complete."],
    ["In case of errors write to ftp-admin@example.com", "Transfer complete."],
    [""],
]


def reply(lines: list[str]) -> Reply:
    return Reply(226, tuple(lines))


@pytest.mark.parametrize("lines", UNREADABLE, ids=" / ".join)
def test_a_directory_that_could_not_be_read(lines: list[str]) -> None:
    assert denial(reply(lines)) is Denial.UNREADABLE


@pytest.mark.parametrize("lines", INCOMPLETE, ids=lambda lines: ascii(lines))
def test_a_listing_that_is_not_complete(lines: list[str]) -> None:
    assert denial(reply(lines)) is Denial.INCOMPLETE


@pytest.mark.parametrize("lines", FINE, ids=" / ".join)
def test_ordinary_success(lines: list[str]) -> None:
    assert denial(reply(lines)) is None


@pytest.mark.parametrize("path", ["/pub/failed", "/errors", "/truncated output", "/a/not all/partial", "/Error"])
def test_the_directorys_own_name_denies_nothing(path: str) -> None:
    name = path.rpartition("/")[2]
    for text in (f"Listing of {path} completed", f"Listing of {name} completed", f"List of {path}/ sent"):
        assert denial(reply([text]), path) is None
    assert denial(reply([f"Failed to open directory {path}"]), path) is Denial.UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "550 No files found.",
        "450 No files found",
        "550 no files found or no matching entries",
        "550 No data sets found.",  # z/OS
        "550 No members found.",
        "450 No matches",
        "550 Directory is empty.",
        "550 Nothing to list",
    ],
)
def test_a_refusal_that_says_that_there_is_nothing(text: str) -> None:
    assert says_empty(text)


@pytest.mark.parametrize(
    "text",
    [
        "550 No such file or directory.",
        "550 No such file.",
        "550 Permission denied.",
        "450 Requested file action not taken.",
        "451 file system error",
        "550 Not a directory",
        "",
    ],
)
def test_a_refusal_that_says_nothing_of_the_kind(text: str) -> None:
    assert not says_empty(text)
