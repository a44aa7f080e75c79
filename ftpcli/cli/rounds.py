"""``mirror --watch``: the rounds of a mirror that keeps going, and what is shown of them."""

from __future__ import annotations

from ftpcli.cli.render import show_summary
from ftpcli.cli.signals import watching
from ftpcli.cli.work import Surroundings, one_run
from ftpcli.engine.events import OnEvent, Summary
from ftpcli.engine.watch import watch
from ftpcli.model import Direction, Job, Report


def keep_mirroring(around: Surroundings, job: Job, interval: float) -> int:
    """Mirror until a signal or the deadline; the result is the exit code."""
    around.record.each_run = True
    rounds = 0

    def one_round(job: Job, on_event: OnEvent) -> Report:
        nonlocal rounds
        rounds += 1
        report = one_run(around, job, on_event)
        if rounds == 1 or not Summary(report).idle:
            show_summary(around.screen, report)
        return report

    if not around.screen.quiet:
        source = job.roots[0].source
        place = source if job.direction is Direction.UPLOAD else job.endpoint.url(source)
        around.screen.line(f"watching {place}; press Ctrl-C to stop")
    with watching(around.stop):
        return watch(job, interval, one_round, around.listener(), around.stop)
