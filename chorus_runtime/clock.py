"""The clock: nothing else that serves requests reads one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import torch

_SOURCE: ContextVar[Callable[[], float]] = ContextVar("source", default=time.perf_counter)


@contextmanager
def cpu_time() -> Iterator[None]:
    """Let every clock made inside count the CPU seconds of this process.

    For measuring on processors that others use as well: with one thread it is what an idle machine
    takes, but for waiting on disks, which does not count.
    """
    with counted_by(time.process_time):
        yield


@contextmanager
def counted_by(source: Callable[[], float]) -> Iterator[None]:
    """Let every clock made inside read ``source``: seconds, or what stands for them in a test."""
    before = _SOURCE.set(source)
    try:
        yield
    finally:
        _SOURCE.reset(before)


class Clock:
    """Seconds since it was made; never goes back."""

    def __init__(self) -> None:
        self._source = _SOURCE.get()
        self._start = self._source()

    def now(self) -> float:
        """Return the seconds since the run began."""
        return self._source() - self._start


def epoch_s() -> float:
    """Return the seconds since 1970, for what people and other machines are told."""
    return time.time()


def now_text() -> str:
    """Return date and time in UTC, to the second, as in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def today() -> str:
    """Return the date in UTC, as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()


class Stopwatch:
    """Seconds by stage of one request. Work queued on a GPU is waited for at a stage's end."""

    def __init__(self, clock: Clock, device: torch.device) -> None:
        self._clock = clock
        self._device = device
        self.seconds: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    def add(self, stage: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as part of stage ``name``, also when it raises."""
        start = self._clock.now()
        try:
            yield
            synchronise(self._device)
        finally:
            self.add(name, self._clock.now() - start)


class Marks:
    """Instants along a run: CUDA events on a GPU, so that nothing waits; the clock elsewhere."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._device = device
        self._source = _SOURCE.get()
        self._events: list[Any] = []

    def mark(self) -> None:
        """Note the instant at which all work queued so far is done."""
        if not self._on_gpu:
            self._events.append(self._source())
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._events.append(event)

    def intervals(self) -> list[float]:
        """Return the seconds between neighbouring instants."""
        synchronise(self._device)
        if self._on_gpu:
            return [one.elapsed_time(other) / 1000 for one, other in pairwise(self._events)]
        return [other - one for one, other in pairwise(self._events)]


def synchronise(device: torch.device) -> None:
    """Wait for the work queued on a GPU; nothing to do elsewhere."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
