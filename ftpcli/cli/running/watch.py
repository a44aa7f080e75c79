"""``mirror --watch``: the rounds of a mirror that keeps going, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ftpcli.cli.output.render import show_summary
from ftpcli.cli.running.context import CommandContext, one_run
from ftpcli.cli.running.mirror_lock import Turn
from ftpcli.cli.running.signals import watching
from ftpcli.engine.events import Event, OnEvent, Report, Summary
from ftpcli.engine.job import Direction, Job
from ftpcli.engine.watch.loop import watch


def keep_mirroring(
    around: CommandContext, job: Job, interval: float, turn: Turn, backup: Callable[[], str | None]
) -> int:
    """Mirror until a signal or the deadline; the result is the exit code. ``backup`` gives each round its folder."""
    around.record.each_run = True
    if not around.screen.quiet:
        source = job.roots[0].source
        place = source if job.direction is Direction.UPLOAD else job.endpoint.url(source)
        around.screen.line(f"watching {place}; press Ctrl-C to stop")
    rounds = _Rounds(around, turn, backup)
    with watching(around.stop):
        return watch(job, interval, rounds.mirror, rounds.on_event, around.stop)


class _Rounds:
    """Shows what a round came to once its progress is off the screen; of the first one in any case."""

    def __init__(self, around: CommandContext, turn: Turn, backup: Callable[[], str | None]) -> None:
        self._around = around
        self._turn = turn
        self._backup = backup
        self._listener = around.listener()
        self._summary: Summary | None = None
        self._is_first = True

    def on_event(self, event: Event) -> None:
        self._listener(event)
        if isinstance(event, Summary):
            self._summary = event

    def mirror(self, job: Job, on_event: OnEvent) -> Report:
        job = replace(job, rules=replace(job.rules, backup=self._backup()))
        with self._turn.journal(job) as journal:
            report = one_run(self._around, job, on_event, journal)
        if self._summary is not None and (self._is_first or not self._summary.idle):
            show_summary(self._around.screen, self._summary.report)
        self._is_first = False
        return report
