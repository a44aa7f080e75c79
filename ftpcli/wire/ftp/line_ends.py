"""Line ends of text in ASCII type: CR LF on the wire, LF here (RFC 959 §3.1.1.1). Pure; takes text in any pieces."""

from __future__ import annotations

import re

_BARE_LF = re.compile(rb"(?<!\r)\n")


class FromWire:
    """CR LF becomes LF; a CR by itself stays."""

    def __init__(self) -> None:
        self._held = b""  # a CR whose LF may be in the next piece

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return data.removesuffix(self._held).replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        return self._held


class ToWire:
    """LF becomes CR LF, but for one that has its CR already."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b""
        first = data[:1] if self._after_cr and data.startswith(b"\n") else b""
        self._after_cr = data.endswith(b"\r")
        return first + _BARE_LF.sub(b"\r\n", data[len(first) :])
