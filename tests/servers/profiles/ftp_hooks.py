"""The hooks that FTP profiles are made of: each makes the scripted server do one thing that some server does."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from tests.servers.scripted.connection import Connection
from tests.servers.scripted.data import Course, receive_data, send_data

Hook = Callable[[Connection, str], None]

UNKNOWN = "500 Unknown command."
UNSUPPORTED = "502 Command not implemented."


def refused(text: str, *verbs: str) -> dict[str, str]:
    """The same refusal for several commands."""
    return dict.fromkeys(verbs, text)


def verb_of(c: Connection) -> str:
    return c.line.split(b" ")[0].decode("ascii").upper()


def when(condition: Callable[[Connection, str], bool], otherwise: str) -> Hook:
    """The ordinary answer where the condition holds for the absolute path, a refusal elsewhere."""

    def hook(c: Connection, argument: str) -> None:
        if condition(c, c.path(argument)):
            c.default(verb_of(c), argument)
        else:
            c.reply(otherwise)

    return hook


def no_dot_names(text: str = "553 Prohibited file name.") -> Hook:
    """Refuses names that begin with a dot."""
    return when(lambda _, path: not posixpath.basename(path).startswith("."), text)


# Listings -----------------------------------------------------------------------------------------------------------


def listed_lines(c: Connection, argument: str) -> list[str] | None:
    """The lines of a listing; None where there is no such directory."""
    verb, tree = verb_of(c), c.server.tree
    words = argument.split()
    folder = c.path(argument if verb == "MLSD" or not words or words[0][0] != "-" else " ".join(words[1:]))
    if not tree.is_dir(folder):
        return None
    show = tree.facts if verb == "MLSD" else tree.long_line
    return [show(f"{folder.rstrip('/')}/{name}") for name in tree.children(folder)]


def listing(change: Callable[[list[str]], list[str]], reply: Callable[[int], str | None] | None = None) -> Hook:
    """A listing with other lines, and another final reply: ``reply`` is given the number of lines."""

    def hook(c: Connection, argument: str) -> None:
        lines = listed_lines(c, argument)
        if lines is None:
            c.default(verb_of(c), argument)
            return
        changed = change(lines)
        text = "".join(f"{line}\r\n" for line in changed).encode("utf-8", "surrogateescape")
        told = reply(len(lines)) if reply else None
        send_data(c, text, Course(reply=told or "226 Transfer complete."), verb_of(c), argument)

    return hook


def empty_answered(text: str) -> Hook:
    """An empty directory is an error."""

    def hook(c: Connection, argument: str) -> None:
        if listed_lines(c, argument) == []:
            c.port.close()
            c.reply(text)
        else:
            c.default(verb_of(c), argument)

    return hook


def without_options(text: str | None) -> Hook:
    """LIST with an option: refused, or with None an empty listing, as for a file that is not there."""

    def hook(c: Connection, argument: str) -> None:
        if not argument.startswith("-"):
            c.default("LIST", argument)
        elif text is not None:
            c.reply(text)
        else:
            send_data(c, b"", Course(), "LIST", argument)

    return hook


# Transfers ----------------------------------------------------------------------------------------------------------


def from_the_start(c: Connection, argument: str) -> None:
    """RETR or STOR that forgets what REST said, although that was answered with 350."""
    c.restart = 0
    c.default(verb_of(c), argument)


def full_after(most: int, text: str, *, leaves: bool) -> Hook:
    """An upload of more than ``most`` bytes is cut short; what came of it stays, or is removed."""

    def hook(c: Connection, argument: str) -> None:
        path = c.path(argument)
        receive_data(c, Course(only=most, reply=None), "STOR", path, c.server.files.get(path, b"")[: c.restart])
        if len(c.server.files.get(path, b"")) - c.restart < most:
            c.reply("226 Transfer complete.")
            return
        if not leaves:
            c.server.tree.remove(path)
        c.reply(text)

    return hook


def sends_more(extra: bytes) -> Hook:
    """RETR goes on beyond the size that was told."""

    def hook(c: Connection, argument: str) -> None:
        content = c.server.files.get(c.path(argument))
        if content is None:
            c.default("RETR", argument)
        else:
            send_data(c, content[c.restart :] + extra, Course(), "RETR", argument)

    return hook


def keeps_a_longer_file(c: Connection, argument: str) -> None:
    """An empty upload leaves the old content as it was."""
    path = c.path(argument)
    old = c.server.files.get(path)
    c.default("STOR", argument)
    if old and not c.server.files.get(path):
        c.server.tree.write(path, old)


def data_in_clear(c: Connection, argument: str) -> None:
    """PROT P was accepted; the data connection is not encrypted all the same."""
    protected, c.protected = c.protected, False
    require, c.server.require_prot = c.server.require_prot, False
    try:
        c.default(verb_of(c), argument)
    finally:
        c.protected, c.server.require_prot = protected, require


# Names and directories ----------------------------------------------------------------------------------------------


def size_of_anything(c: Connection, argument: str) -> None:
    """SIZE, for directories too."""
    path = c.path(argument)
    if path not in c.server.files and c.server.tree.is_dir(path):
        c.reply("213 4096")
    else:
        c.default("SIZE", argument)


def rename_not_done(c: Connection, argument: str) -> None:
    """RNTO onto an existing file is answered 250, and nothing is done."""
    if c.renaming is not None and c.path(argument) in c.server.files:
        c.reply("250 Renamed.")
    else:
        c.default("RNTO", argument)


def hangs_up(c: Connection, _: str) -> None:
    c.drop()


def gone_once_stored(c: Connection, argument: str) -> None:
    """STOR: a program takes the file as soon as it is there."""
    path = c.path(argument)
    c.default("STOR", argument)
    _take(c, path)


def gone_once_named(c: Connection, argument: str) -> None:
    """RNTO, likewise."""
    path = c.path(argument)
    c.default("RNTO", argument)
    _take(c, path)


def _take(c: Connection, path: str) -> None:
    taken: dict[str, bytes] = c.server.__dict__.setdefault("taken", {})
    content = c.server.files.get(path)
    if content is not None:
        taken[path] = content
        c.server.tree.remove(path)


# Passive mode -------------------------------------------------------------------------------------------------------


def epsv_answers(text: str) -> Hook:
    """EPSV with other words; ``{port}`` stands for the port, ``{high}`` and ``{low}`` for its two bytes."""

    def hook(c: Connection, _: str) -> None:
        port = c.port.listen()
        c.reply(text.format(port=port, high=port // 256, low=port % 256))

    return hook


# Apache FtpServer ---------------------------------------------------------------------------------------------------


def mlst_501(c: Connection, argument: str) -> None:
    """A name that is not there is a bad argument."""
    if c.server.tree.exists(c.path(argument)):
        c.default("MLST", argument)
    else:
        c.reply("501 Not a valid pathname.")


def mlsd_of_nothing(c: Connection, argument: str) -> None:
    """A directory that is not there is an empty one."""
    if c.server.tree.exists(c.path(argument)):
        c.default("MLSD", argument)
    else:
        send_data(c, b"", Course(), "MLSD", argument)


def rmd_of_here(c: Connection, argument: str) -> None:
    """The current directory cannot be removed."""
    if c.path(argument) == c.cwd:
        c.reply("450 Can't delete current directory.")
    else:
        c.default("RMD", argument)


def together(text: str) -> Callable[[Connection, str], None]:
    """What the server would have answered, and a reply too many, in one segment."""

    def hook(c: Connection, argument: str) -> None:
        held: list[bytes] = []
        c.send = held.append  # type: ignore[method-assign]
        try:
            c.default(c.line.split(b" ")[0].decode("ascii").upper(), argument)
            c.reply(text)
        finally:
            del c.send
        c.send(b"".join(held))

    return hook
