"""One cell, and seeded samples of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults import faults
from tests.matrix.cell import outcome
from tests.matrix.commands import COMMANDS
from tests.servers.profiles import FtpProfile
from tests.servers.profiles.ftp import WITHOUT_MLST
from tests.servers.profiles.ftp_hooks import UNKNOWN, refused
from tests.servers.profiles.profile import CONSTRUCTED, Hook

UP, DOWN = ("put", "put over a file", "mirror up --delete"), ("get", "mirror down --delete")
NAMES = ("ls", "rm -r", *UP, *DOWN)
# Where a step is not one of every command: the commands that have it.
HAVING: dict[str, tuple[str, ...]] = {
    "RETR": DOWN,
    "STOR": UP,
    "MLSD": ("ls", "rm -r", "mirror up --delete", "mirror down --delete"),
    "LIST": ("ls", "rm -r", "mirror up --delete", "mirror down --delete"),
    "MLST": ("ls", "get", "put", "rm -r"),
    "SIZE": ("ls", "get", "put", "put over a file"),
    "MDTM": ("get",),  # without it LIST has times of a zone that nobody knows: no mirror can be judged by them
    "MFMT": UP,
    "REST": ("get, cut once", "put, cut once"),
    "RNFR": UP,
    "RNTO": UP,
    "DELE": ("rm -r", "mirror up --delete"),
    "RMD": ("rm -r", "mirror up --delete"),
    "MKD": ("mirror up --delete",),
}
BY_NAME = {command.name: command for command in COMMANDS}
TLS_MODES = ("none", "explicit", "implicit")
QUICK = ("--timeout", "0.5", "--final-reply-timeout", "0.5", "--retries", "1")


@dataclass(frozen=True)
class Cell:
    """``nth``: which of the step's commands is struck. ``again``: those that follow as well. ``done``: the command was
    carried out, and only its answer is struck."""

    step: str
    fault: str
    command: str
    tls: str
    nth: int
    again: bool
    done: bool

    def __str__(self) -> str:
        how = f"{'from' if self.again else 'at'} {self.nth}{', done' if self.done else ''}"
        return f"{self.step}, {self.fault} ({how}), {self.command}, TLS {self.tls}"

    def outcome(self) -> tuple[str, str]:
        """As of the matrix."""
        return outcome(self._profile(), BY_NAME[self.command], *QUICK)

    def _profile(self) -> FtpProfile:
        act = faults.striking(faults.strike(self.step, self.fault, done=self.done), self.nth, again=self.again)
        hooks: dict[str, Hook] = dict.fromkeys(faults.verbs(self.step), act)
        settings: dict[str, object] = {"tls": self.tls}
        if self.step in faults.OLD_STEPS:
            settings["features"] = WITHOUT_MLST
            hooks = {**refused(UNKNOWN, "MLSD", "MLST", "EPSV"), **hooks}
        return FtpProfile(str(self), "", "", CONSTRUCTED, settings=settings, hooks=hooks)


def sample(count: int, seed: int) -> Iterator[Cell]:
    """Each step with each fault about equally often; the rest is drawn."""
    rng = random.Random(seed)
    pairs = [(step, fault) for step in faults.STEPS for fault in faults.FAULTS]
    made = 0
    while made < count:
        rng.shuffle(pairs)
        for step, fault in pairs:
            tls = [mode for mode in TLS_MODES if faults.possible(step, fault, mode)]
            if tls and made < count:
                made += 1
                yield Cell(
                    step,
                    fault,
                    rng.choice(HAVING.get(step, NAMES)),
                    rng.choice(tls),
                    rng.choice((1, 1, 2, 3)),
                    rng.random() < 0.3,
                    rng.random() < 0.5 and step in faults.COMMANDS and fault in faults.IN_PLACE,
                )


def judged(cell: Cell) -> tuple[Cell, str, str]:
    return cell, *cell.outcome()
