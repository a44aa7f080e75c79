"""What a transfer is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ftpcli.model import Entry


@dataclass(frozen=True)
class CopyRequest:
    """One file to copy, in the run's direction. ``entry`` is the source's; ``shown`` is its name in messages.
    ``replaces``: the target exists, as far as is known; ``target_mode``: its permission bits, where they are."""

    source: str
    target: str
    shown: str
    entry: Entry
    replaces: bool = False
    target_mode: int | None = None
