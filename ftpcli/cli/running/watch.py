"""``mirror --watch``: the rounds of a mirror that keeps going, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ftpcli.cli.output.render import show_summary
from ftpcli.cli.running.context import CommandContext, one_run
from ftpcli.cli.running.mirror_lock import MirrorLock
from ftpcli.engine.events import Event, OnEvent, Report, Summary
from ftpcli.engine.job import Job
from ftpcli.engine.watch.loop import watch


def keep_mirroring(
    context: CommandContext, job: Job, interval: float, lock: MirrorLock, backup: Callable[[], str | None]
) -> int:
    """Mirror until a signal or the deadline; the result is the exit code. ``backup`` gives each round its folder."""
    context.json_writer.each_run = True
    if not context.screen.quiet:
        place = job.name_of(job.direction.source, job.roots[0].source)
        context.screen.line(f"watching {place}; press Ctrl-C to stop")
    rounds = _Rounds(context, lock, backup)
    return watch(job, interval, rounds.mirror, rounds.on_event, context.stop)


class _Rounds:
    """Runs each round and shows its summary once the progress display is gone: of the first round and of those that
    found something to do."""

    def __init__(self, context: CommandContext, lock: MirrorLock, backup: Callable[[], str | None]) -> None:
        self._context = context
        self._lock = lock
        self._backup = backup
        self._listener = context.listener()
        self._summary: Summary | None = None
        self._is_first = True

    def on_event(self, event: Event) -> None:
        self._listener(event)
        if isinstance(event, Summary):
            self._summary = event

    def mirror(self, job: Job, on_event: OnEvent) -> Report:
        job = replace(job, rules=replace(job.rules, backup=self._backup()))
        with self._lock.journal(job) as journal:
            report = one_run(self._context, job, on_event, journal)
        if self._summary is not None and (self._is_first or not self._summary.idle):
            show_summary(self._context.screen, self._summary.report)
        self._is_first = False
        return report
