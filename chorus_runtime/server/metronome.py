"""Waiting so that work takes a stated time, however long it took by itself."""

from threading import Event

from chorus_runtime.clock import Clock


class Metronome:
    """Beats from when it was made. A beat that comes late makes the next ones shorter."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._due_s = 0.0

    def beat(self, seconds: float) -> None:
        """Wait until ``seconds`` after the last beat was due."""
        self._due_s += seconds
        left_s = self._due_s - self._clock.now()
        if left_s > 0:
            Event().wait(left_s)
