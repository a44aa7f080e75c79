"""How a test server keeps the times of its files."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """The default is an honest server with the right time.

    ``clock_offset``: seconds by which its clock is ahead. ``time_precision``: seconds; times are rounded down to a
    multiple (FAT: 2). ``ignores_times``: a file that is given a time keeps that of its arrival, though the answer says
    that all went well. ``time_shift``: seconds by which the time that a file has is later than the one it was given,
    as where one is taken for local time and the other is not.
    """

    clock_offset: float = 0.0
    time_precision: int = 1
    ignores_times: bool = False
    time_shift: float = 0.0

    def arrival(self) -> float:
        """The time of what is written now."""
        return self._rounded(time.time() + self.clock_offset)

    def kept(self, given: float) -> float | None:
        """The time of a file that is given one; None if that changes nothing."""
        return None if self.ignores_times else self._rounded(given + self.time_shift)

    def _rounded(self, moment: float) -> float:
        return float(moment // self.time_precision * self.time_precision)
