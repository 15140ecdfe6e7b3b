"""When each worker at work last gave a sign: it began, got its plan, did a step, made its video.

A thread cannot be ended from outside, so one that hangs is told of and nothing more. An idle worker
is not silent.
"""

from collections.abc import Callable
from threading import Lock

from chorus_runtime.server.patience import Patience

#: All pauses of a worker are alike.
_SIGN = "sign"


class Signs:
    """Notes signs of workers by number. Methods may be called from any thread."""

    def __init__(self, patience: Patience, now: Callable[[], float]) -> None:
        self._patience = patience
        self._now = now
        self._lock = Lock()
        self._last: dict[int, tuple[int, float]] = {}

    def begin(self, worker: int, size: int) -> None:
        """Note that a worker began with a job of ``size`` elements."""
        with self._lock:
            self._last[worker] = (size, self._now())

    def give(self, worker: int) -> None:
        """Note a sign of a worker that has a job."""
        with self._lock:
            now = self._now()
            size, before = self._last[worker]
            self._last[worker] = (size, now)
        self._patience.seen(_SIGN, now - before, size)

    def end(self, worker: int) -> None:
        """Note that a worker has no job any more."""
        with self._lock:
            self._last.pop(worker, None)

    def silent_s(self, worker: int) -> float:
        """Return the seconds since a worker's last sign, 0 for an idle one."""
        with self._lock:
            _, last = self._last.get(worker, (0, None))
            return 0.0 if last is None else self._now() - last

    def limit_s(self, worker: int) -> float:
        """Return the seconds a worker may be silent with its job."""
        size, _ = self._last.get(worker, (1, 0.0))
        return self._patience.limit_s(_SIGN, size)

    def is_hung(self, worker: int) -> bool:
        """Tell whether a worker has been silent for longer than that."""
        silent_s = self.silent_s(worker)
        return silent_s > 0 and silent_s > self.limit_s(worker)

    def trouble(self, workers: range) -> str:
        """Say so where all of these hang, else return an empty text."""
        if not all(map(self.is_hung, workers)):
            return ""
        silent_s = min(map(self.silent_s, workers))
        return f"all workers hang; none gave a sign for {silent_s:.0f} s"
