"""From an endpoint to a fresh session: the only switch on the scheme."""

from __future__ import annotations

from ftpcli.errors import UsageError
from ftpcli.model import Endpoint
from ftpcli.net.wait import StopSignal
from ftpcli.session.contract import HostMemory, Notify, Session

FTP_SCHEMES = ("ftp", "ftpes", "ftps")
SFTP_SCHEME = "sftp"


def open_session(endpoint: Endpoint, memory: HostMemory, notify: Notify, stop: StopSignal | None) -> Session:
    """A session that is logged in and ready. Raises FtpcliError; nothing stays open then."""
    # Each starts without what only the other needs.
    if endpoint.scheme in FTP_SCHEMES:
        from ftpcli.session.ftp.login import open_ftp

        return open_ftp(endpoint, memory, notify, stop)
    if endpoint.scheme == SFTP_SCHEME:
        from ftpcli.session.sftp.login import open_sftp

        return open_sftp(endpoint, memory, notify, stop)
    raise UsageError(f"the scheme {endpoint.scheme}:// is not one of {', '.join((*FTP_SCHEMES, SFTP_SCHEME))}")
