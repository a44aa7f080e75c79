"""Whose turn it is, where several workers at once are slower than one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """For what is hardly more than the interpreter's work: several threads only pass it on to each other, at every
    system call. While the disk is waited for another one has the turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        self._take()
        try:
            yield
        finally:
            self.give_up()

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """For whoever has the turn; for others nothing happens."""
        if self._holder != threading.get_ident():
            yield
            return
        self._pass_on()
        try:
            yield
        finally:
            self._take()

    def give_up(self) -> None:
        """Before waiting for a server, which may take long: whoever has the turn has it no more. For others nothing
        happens."""
        if self._holder == threading.get_ident():
            self._pass_on()

    def _take(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()

    def _pass_on(self) -> None:
        self._holder = 0
        self._lock.release()
