"""Byte 0xFF in names: whether this server reads the control connection as Telnet does.

RFC 959 §3.1 has it that the control connection follows Telnet, where 0xFF begins a command and stands doubled for
itself (RFC 854). ProFTPD reads it so: some single ones take the next byte with them, some leave it waiting for more.
vsftpd, Pure-FTPd and pyftpdlib take every byte as it is, and a doubled one would be two in the name. No greeting and
no feature tells, so the server is asked once, by a command that does no harm: ``CWD .`` with Telnet's Data Mark behind
the dot. Where that is dropped, the current directory stays what it is; where not, there is no such directory.

What a server says in its *replies* is taken as it is: ProFTPD doubles nothing there.
"""

from __future__ import annotations

from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.control import ControlConnection

_IAC = b"\xff"
_DOT_AND_DATA_MARK = b".\xff\xf2"


def prepare(control: ControlConnection, memory: HostMemory, path: str, encoding: str) -> None:
    """To be called before ``path`` is sent, while no transfer is under way. Most names cost nothing."""
    if control.doubles_iac or path.isascii():
        return
    try:
        if _IAC not in path.encode(encoding, "surrogateescape"):
            return
    except UnicodeEncodeError:  # the command will say it
        return
    if memory.reads_telnet is None:
        memory.reads_telnet = control.ask("CWD", _DOT_AND_DATA_MARK.decode(encoding, "surrogateescape")).completed
    control.doubles_iac = memory.reads_telnet
