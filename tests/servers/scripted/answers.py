"""What the scripted server answers where no hook says otherwise: a strict, ordinary FTP server."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.servers.scripted.data import receive_data, send_data
from tests.servers.scripted.tree import stamp, unstamp

if TYPE_CHECKING:
    from tests.servers.scripted.connection import Connection

Answer = Callable[["Connection", str], None]
ANSWERS: dict[str, Answer] = {}
BEFORE_LOGIN = frozenset(
    ("CONNECT", "USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "FEAT", "OPTS", "SYST", "NOOP", "QUIT")
)


def answers(*verbs: str) -> Callable[[Answer], Answer]:
    def register(answer: Answer) -> Answer:
        for verb in verbs:
            ANSWERS[verb] = answer
        return answer

    return register


# Login and TLS ------------------------------------------------------------------------------------------------------


@answers("CONNECT")
def connect(c: Connection, _: str) -> None:
    if c.server.limit_at == "connect" and c.server.over_limit():
        c.goodbye(c.server.limit_answer)
    c.reply(c.server.greeting)


@answers("USER")
def user(c: Connection, name: str) -> None:
    if c.server.tls == "explicit" and c.server.require_tls and not c.secure:
        c.reply("530 TLS is required here.")
        return
    c.user = name
    c.reply("331 Password please.")


@answers("PASS", "ACCT")
def password(c: Connection, word: str) -> None:
    if c.server.limit_at == "login" and c.server.over_limit():
        if c.server.limit_answer.startswith("421"):
            c.goodbye(c.server.limit_answer)
        c.reply(c.server.limit_answer)
        return
    if c.line[:4].upper() == b"PASS" and (c.user, word) != (c.server.user, c.server.password):
        c.reply("530 Login incorrect.")
        return
    c.logged_in = True
    c.reply("230 Welcome.")


@answers("AUTH")
def auth(c: Connection, mechanism: str) -> None:
    if c.server.tls != "explicit":
        c.reply("502 AUTH is not known here.")
    elif mechanism.upper() not in ("TLS", "TLS-C", "SSL"):
        c.reply("504 Unknown mechanism.")
    elif c.pending:
        c.reply("503 Spurious data after AUTH")
    else:
        c.send(b"234 Go on.\r\n" + c.server.behind_234)
        c.start_tls()


@answers("PBSZ")
def pbsz(c: Connection, _: str) -> None:
    c.reply("200 PBSZ=0" if c.secure else "503 AUTH first.")


@answers("PROT")
def prot(c: Connection, level: str) -> None:
    if not c.secure or level.upper() not in ("P", "C"):
        c.reply("503 AUTH first." if not c.secure else "536 P or C, please.")
        return
    c.protected = level.upper() == "P"
    c.reply(f"200 PROT is {level} now.")


@answers("QUIT")
def leave(c: Connection, _: str) -> None:
    c.goodbye("221 Goodbye.")


# Small talk ---------------------------------------------------------------------------------------------------------


@answers("FEAT")
def feat(c: Connection, _: str) -> None:
    tls = ["AUTH TLS", "PBSZ", "PROT"] if c.server.tls != "none" else []
    c.lines(211, "Features:", [*c.server.features, *tls])


@answers("SYST")
def syst(c: Connection, _: str) -> None:
    c.reply("215 UNIX Type: L8")


@answers("OPTS", "NOOP", "MODE", "STRU", "ALLO", "CLNT")
def fine(c: Connection, _: str) -> None:
    c.reply("200 Fine.")


@answers("SITE")
def site(c: Connection, _: str) -> None:
    c.reply("504 No such SITE command.")


@answers("ABOR")
def abort(c: Connection, _: str) -> None:
    c.port.close()
    c.reply("226 Nothing to abort.")


@answers("TYPE")
def type_(c: Connection, letter: str) -> None:
    c.ascii = letter[:1].upper() == "A"
    c.reply(f"200 TYPE is {letter} now.")


@answers("REST")
def rest(c: Connection, offset: str) -> None:
    c.restart, c.prepared = int(offset), True
    c.reply(f"350 Restarting at {offset}.")


# Data connections ---------------------------------------------------------------------------------------------------


@answers("EPSV")
def epsv(c: Connection, _: str) -> None:
    port = c.port.listen()
    _ticket(c)
    c.reply(f"229 Entering Extended Passive Mode (|||{port}|)")


@answers("PASV")
def pasv(c: Connection, _: str) -> None:
    if ":" in c.server.host and not c.server.pasv_address:
        c.reply("425 PASV is for IPv4.")
        return
    high, low = divmod(c.port.listen(), 256)
    host = (c.server.pasv_address or c.server.host).replace(".", ",")
    _ticket(c)
    c.reply(f"227 Entering Passive Mode ({host},{high},{low}).")


@answers("EPRT")
def eprt(c: Connection, where: str) -> None:
    _, _, host, port, _ = where.split(where[0])
    c.port.aim(host, int(port))
    _ticket(c)
    c.reply("200 EPRT is fine.")


@answers("PORT")
def port(c: Connection, where: str) -> None:
    *host, high, low = where.split(",")
    c.port.aim(".".join(host), int(high) * 256 + int(low))
    _ticket(c)
    c.reply("200 PORT is fine.")


@answers("RETR")
def retr(c: Connection, argument: str) -> None:
    content = c.server.files.get(c.path(argument))
    if content is None:
        c.reply("550 No such file.")
    elif c.restart > len(content):
        c.reply("550 Cannot restart beyond the end.")
    else:
        send_data(c, c.to_wire(content[c.restart :]), c.course, "RETR", c.path(argument))


@answers("STOR", "APPE")
def stor(c: Connection, argument: str) -> None:
    path, verb = c.path(argument), c.line[:4].decode("ascii").upper()
    if not c.server.tree.is_dir(path.rpartition("/")[0] or "/") or c.server.tree.is_dir(path):
        c.reply("553 Cannot create that file.")
        return
    old = c.server.files.get(path, b"")
    receive_data(c, c.course, verb, path, old if verb == "APPE" else old[: c.restart])


@answers("MLSD", "LIST", "NLST")
def listing(c: Connection, argument: str) -> None:
    verb, tree = c.line[:4].decode("ascii").upper(), c.server.tree
    words = argument.split()
    folder = c.path(argument if verb == "MLSD" or not words or words[0][0] != "-" else " ".join(words[1:]))
    if not tree.exists(folder) or (verb == "MLSD" and not tree.is_dir(folder)):
        c.reply("550 No such directory.")
        return
    inside = tree.is_dir(folder)
    with tree.lock:
        paths = [f"{folder.rstrip('/')}/{name}" for name in tree.children(folder)] if inside else [folder]
        show: dict[str, Callable[[str], str]] = {"MLSD": tree.facts, "LIST": tree.long_line, "NLST": posixpath.basename}
        text = "".join(f"{show[verb](path)}\r\n" for path in paths)
    send_data(c, text.encode("utf-8", "surrogateescape"), c.course, verb, folder)


# Files and directories ----------------------------------------------------------------------------------------------


@answers("PWD")
def pwd(c: Connection, _: str) -> None:
    c.reply(f'257 "{c.cwd}" is the current directory.')


@answers("CWD", "CDUP")
def cwd(c: Connection, argument: str) -> None:
    folder = c.path(argument if c.line[:3].upper() == b"CWD" else "..")
    if not c.server.tree.is_dir(folder):
        c.reply("550 No such directory.")
        return
    c.cwd = folder
    c.reply("250 Changed.")


@answers("SIZE")
def size(c: Connection, argument: str) -> None:
    content = c.server.files.get(c.path(argument))
    if content is None or c.ascii:
        c.reply("550 Not a file." if content is None else "550 No SIZE in ASCII mode.")
        return
    c.reply(f"213 {len(content)}")


@answers("MDTM")
def mdtm(c: Connection, argument: str) -> None:
    mtime = c.server.tree.mtimes.get(c.path(argument))
    c.reply("550 Not a file." if mtime is None else f"213 {stamp(mtime)}")


@answers("MFMT")
def mfmt(c: Connection, argument: str) -> None:
    when, _, name = argument.partition(" ")
    path = c.path(name)
    if not c.server.tree.exists(path):
        c.reply("550 No such file.")
        return
    c.server.tree.set_time(path, unstamp(when))
    c.reply(f"213 Modify={when}; {name}")


@answers("MLST")
def mlst(c: Connection, argument: str) -> None:
    path = c.path(argument)
    if not c.server.tree.exists(path):
        c.reply("550 No such file or directory.")
        return
    c.lines(250, "Facts", [c.server.tree.facts(path, name=c.typed_path(argument))])


@answers("DELE")
def dele(c: Connection, argument: str) -> None:
    path = c.path(argument)
    if path not in c.server.files:
        c.reply("550 No such file.")
        return
    c.server.tree.remove(path)
    c.reply("250 Deleted.")


@answers("MKD")
def mkd(c: Connection, argument: str) -> None:
    path, tree = c.path(argument), c.server.tree
    if tree.exists(path) or not tree.is_dir(path.rpartition("/")[0] or "/"):
        c.reply("550 Exists, or its parent does not.")
        return
    tree.made.add(path)
    c.reply(f'257 "{path}" created.')


@answers("RMD")
def rmd(c: Connection, argument: str) -> None:
    path, tree = c.path(argument), c.server.tree
    if not tree.is_dir(path) or tree.children(path):
        c.reply("550 Not there, or not empty.")
        return
    tree.made.discard(path)
    c.reply("250 Removed.")


@answers("RNFR")
def rnfr(c: Connection, argument: str) -> None:
    path = c.path(argument)
    if not c.server.tree.exists(path):
        c.reply("550 No such file or directory.")
        return
    c.renaming, c.prepared = path, True
    c.reply("350 To which name?")


@answers("RNTO")
def rnto(c: Connection, argument: str) -> None:
    path = c.path(argument)
    if c.renaming is None:
        c.reply("503 RNFR first.")
    elif not c.server.rename_replaces and c.server.tree.exists(path) and path != c.renaming:
        c.reply("550 There is such a file already.")
    elif c.server.tree.is_dir(path) and path != c.renaming:
        c.reply("550 There is a directory of that name.")
    else:
        c.server.tree.rename(c.renaming, c.typed_path(argument))
        c.reply("250 Renamed.")


def _ticket(c: Connection) -> None:
    """FileZilla: one TLS 1.3 ticket with each answer that prepares a data connection, and no other."""
    if c.server.ticket_per_reply and c.channel.tls is not None and c.channel.tls.version() == "TLSv1.3":
        c.channel.queue_ticket()
