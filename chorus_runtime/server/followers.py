"""Jobs that wait for an identical one that is being computed, to copy it."""

from threading import Lock

from chorus_policies.flights import Flights
from chorus_policies.plan import Plan
from chorus_runtime.asked import Asked
from chorus_runtime.server.job import Job


class Followers:
    """Single flight among jobs. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._flights: Flights[Job] = Flights()
        self._leaders: set[int] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many jobs wait."""
        with self._lock:
            return len(self._flights)

    def left(self) -> list[Job]:
        """Return the jobs that wait."""
        with self._lock:
            return list(self._flights)

    def begin(self, asked: Asked, plan: Plan) -> None:
        """Let identical jobs wait for this run, if they could copy it."""
        with self._lock:
            if self._flights.begin(asked.query, plan):
                self._leaders.add(asked.query.sequence)

    def join(self, job: Job) -> bool:
        """Let a job wait for an identical one, if one is being computed."""
        with self._lock:
            return job.asked is not None and self._flights.join(job.asked.query, job)

    def leave(self, job: Job) -> bool:
        """Let a job wait no more; tell whether it did."""
        with self._lock:
            return job.asked is not None and self._flights.leave(job.asked.query, job)

    def end(self, asked: Asked) -> list[Job]:
        """Return who waited for this run, now that it is over."""
        with self._lock:
            if asked.query.sequence not in self._leaders:
                return []
            self._leaders.remove(asked.query.sequence)
            return self._flights.end(asked.query)
