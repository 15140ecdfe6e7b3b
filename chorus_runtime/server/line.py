"""The line: accepted jobs in order of arrival, and who takes the next."""

from collections import deque
from threading import Condition

from chorus_runtime.server.job import Job


class Line:
    """First come, first served. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._changed = Condition()
        self._closed = False

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._jobs)

    def put(self, job: Job) -> None:
        """Add a job at the end."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def put_first(self, jobs: list[Job]) -> None:
        """Add jobs in front of all others, in their order."""
        with self._changed:
            self._jobs.extendleft(reversed(jobs))
            self._changed.notify_all()

    def take(self) -> Job | None:
        """Wait for the next job and return it; ``None`` once the line is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            return None if self._closed else self._jobs.popleft()

    def leave(self, job: Job) -> bool:
        """Take a waiting job out; tell whether it was waiting."""
        with self._changed:
            try:
                self._jobs.remove(job)
            except ValueError:
                return False
        return True

    def left(self) -> list[Job]:
        """Return the jobs that wait."""
        with self._changed:
            return list(self._jobs)

    def close(self) -> None:
        """Give out no more jobs; those that wait stay where they are."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
