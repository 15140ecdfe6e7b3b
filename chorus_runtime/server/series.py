"""The last minutes as a dashboard draws them: a point a second."""

from collections import deque

import msgspec

from chorus_runtime.server.desk import Desk
from chorus_runtime.server.workers import Bench

#: Seconds between two points, and how many are kept: ten minutes.
EVERY_S = 1.0
_POINTS = 600


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The server at one instant; ``kinds`` count all answers so far.

    ``response_s`` is the mean of the answers since the point before, ``None`` without any.
    """

    at_s: float
    waiting: int
    running: int
    kinds: dict[str, int]
    failures: int
    response_s: float | None
    occupied_bytes: int
    capacity_bytes: int
    entries: int
    evictions: int


class Series:
    """Takes points of a server."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk = desk
        self._bench = bench
        self.points: deque[Point] = deque(maxlen=_POINTS)

    def take(self) -> None:
        """Add the point of now."""
        bench, workers = self._bench, self._desk.workers
        state, now = bench.chorus.state(), bench.chorus.now()
        before = self.points[-1].at_s if self.points else 0.0
        answered = [
            record.finish_s - record.arrival_s
            for record in bench.tally.recent()
            if before < record.start_s + record.held_s <= now
        ]
        self.points.append(
            Point(
                at_s=now,
                waiting=workers.waiting,
                running=len(workers.running),
                kinds=dict(bench.tally.kinds),
                failures=bench.tally.failures.total(),
                response_s=sum(answered) / len(answered) if answered else None,
                occupied_bytes=sum(tier.occupied_bytes for tier in state.tiers),
                capacity_bytes=sum(tier.capacity_bytes for tier in state.tiers),
                entries=state.entries,
                evictions=state.evictions,
            )
        )
