"""Byte 0xFF in names: whether this server interprets Telnet commands on the control connection.

By RFC 959 §3.1 the control connection follows Telnet, where 0xFF (IAC) begins a command, and two of them stand for the
byte itself (RFC 854). ProFTPD does so: a single 0xFF may take the next byte with it, or make the server wait for more.
vsftpd, Pure-FTPd and pyftpdlib take every byte literally, and a doubled one would be two in the name. Neither greeting
nor features tell, so the server is asked once, by a harmless command: ``CWD .`` with Telnet's Data Mark after the dot.
Where that is dropped, the current directory stays the same; where not, there is no such directory.

Bytes in *replies* are taken literally: ProFTPD doubles nothing there.
"""

from __future__ import annotations

from ftpcli.session.contract import HostMemory
from ftpcli.session.ftp.control import ControlConnection

_IAC = b"\xff"
_DOT_AND_DATA_MARK = b".\xff\xf2"


def prepare(control: ControlConnection, memory: HostMemory, path: str, encoding: str) -> None:
    """Call before ``path`` is sent, while no transfer is under way. Only the first name with 0xFF costs a command."""
    if control.doubles_iac or path.isascii():
        return
    try:
        if _IAC not in path.encode(encoding, "surrogateescape"):
            return
    except UnicodeEncodeError:  # Command.encode reports it
        return
    if memory.reads_telnet is None:
        memory.reads_telnet = control.ask("CWD", _DOT_AND_DATA_MARK.decode(encoding, "surrogateescape")).completed
    control.doubles_iac = memory.reads_telnet
