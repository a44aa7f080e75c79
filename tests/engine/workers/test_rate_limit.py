"""The shared rate limit, on a clock that advances only by sleeping."""

from __future__ import annotations

import threading

from ftpcli.engine.workers.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_average_is_exact() -> None:
    clock = Clock()
    limit = RateLimit(1000.0, clock.sleep, clock)
    for _ in range(100):
        limit.take(250)
    assert abs(25_000 / clock.now - 1000.0) < 50


def test_unused_time_is_lost() -> None:
    clock = Clock()
    limit = RateLimit(1000.0, clock.sleep, clock)
    clock.now = 3600.0
    limit.take(10_000)
    assert clock.now >= 3600.0 + 9.0


def test_workers_share_it() -> None:
    slept: list[float] = []
    limit = RateLimit(1000.0, slept.append, lambda: 0.0)
    workers = [threading.Thread(target=limit.take, args=(1000,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(round(seconds, 6) for seconds in slept) == [1.0, 2.0, 3.0, 4.0]
