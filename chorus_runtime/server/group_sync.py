"""Brings what was written to the disk itself, for all who wait at once.

One thread syncs again and again while anybody waits; each sync answers for everything that was
written before it began. So many requests cost one sync, and none waits for a timer.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread


class GroupSync:
    """Calls ``sync`` for groups of waiters. Methods may be called from any thread."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._waiting: list[Future[None]] = []
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="chorus-sync", daemon=True)
        self._thread.start()

    def synced(self) -> "Future[None]":
        """Return what is done when all written so far is on the disk, or fails with ``OSError``."""
        told: Future[None] = Future()
        with self._changed:
            self._waiting.append(told)
            self._changed.notify()
        return told

    def close(self) -> None:
        """Sync for those who wait still, and end the thread. Closing twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            problem: Exception | None = None
            try:
                self._sync()
            except (OSError, ValueError) as error:
                problem = error
            for one in waiting:
                if not one.set_running_or_notify_cancel():
                    # Its client has left.
                    continue
                if problem is None:
                    one.set_result(None)
                else:
                    one.set_exception(problem)
