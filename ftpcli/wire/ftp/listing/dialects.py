"""The table of LIST dialects, in the order in which they are asked about a line that the last line's dialect denies."""

from __future__ import annotations

from ftpcli.wire.ftp.listing import dos, eplf, mvs, netware, os2, os400, tandem, unix, vms, vxworks
from ftpcli.wire.ftp.listing.page import Dialect

DIALECTS: dict[str, Dialect] = {
    "unix": unix.parse,
    "dos": dos.parse,
    "eplf": eplf.parse,
    "netware": netware.parse,
    "vms": vms.parse,
    "os400": os400.parse,
    "tandem": tandem.parse,
    "vxworks": vxworks.parse,
    "os2": os2.parse,
    "mvs": mvs.parse,
}
