"""The lookout: says which workers of this process hang, and lets nobody wait for them."""

import logging
from collections.abc import Callable, Iterable
from threading import Event, Thread

from chorus_runtime.server.job import Job
from chorus_runtime.server.signs import Signs

#: Looks in the time a worker may be silent, and bounds of the seconds between two.
_LOOKS, _SHORTEST_S, _LONGEST_S = 10.0, 0.05, 5.0

_LOG = logging.getLogger("chorus.server")


class Lookout:
    """Looks at ``workers`` until it is closed; ``hangs`` is told each that has begun to hang."""

    def __init__(
        self,
        workers: Iterable[int],
        signs: Signs,
        job_of: Callable[[int], Job | None],
        hangs: Callable[[Job], None],
        least_s: float,
    ) -> None:
        self._workers = tuple(workers)
        self._signs = signs
        self._job_of = job_of
        self._hangs = hangs
        self._every_s = min(_LONGEST_S, max(_SHORTEST_S, least_s / _LOOKS))
        self._hung: dict[int, Job | None] = {}
        self._closed = Event()
        self._thread = Thread(target=self._look, name="chorus-lookout", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._closed.wait(self._every_s):
            for worker in self._workers:
                self._look_at(worker)

    def _look_at(self, worker: int) -> None:
        if not self._signs.is_hung(worker):
            if self._hung.pop(worker, None) is not None:
                _LOG.warning("worker %d works again", worker)
            return
        job = self._job_of(worker)
        if job is None or worker in self._hung:
            return
        self._hung[worker] = job
        _LOG.error(
            "worker %d hangs: no sign for %.1f s with job %s (%.1f s are borne); a thread cannot "
            "be ended, so restart the server, which serves the job again where --log is given",
            *(worker, self._signs.silent_s(worker), job.log_name, self._signs.limit_s(worker)),
        )
        self._hangs(job)
