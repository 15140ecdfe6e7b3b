"""How long somebody at work may be silent before he counts as hung.

Ten times the longest pause of late between two signs of such work, and never less than an operator
states. Work on more elements than any seen so far may take longer by the square of their ratio, as
attention does.
"""

from collections import defaultdict, deque
from threading import Lock

#: Seconds of silence that are always borne. Fewer notice sooner, and end who only compiles.
HANG_AFTER_S = 60.0

#: Times the longest pause. Fewer notice sooner, and end who is slowed down by his neighbours.
_FACTOR = 10.0

#: Seconds of silence that are borne as long as nothing is known of such work.
_UNKNOWN_S = 600.0

#: Pauses remembered: one that was nearly too long does not count for ever.
_REMEMBERED = 200


class Patience:
    """Learns how long pauses are. Methods may be called from any thread.

    ``size`` counts the elements worked on: pauses of smaller work say little of larger.
    """

    def __init__(self, least_s: float = HANG_AFTER_S) -> None:
        self.least_s = least_s
        self._lock = Lock()
        self._pauses: defaultdict[str, deque[tuple[int, float]]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )

    def seen(self, work: str, pause_s: float, size: int = 1) -> None:
        """Note a pause that ended with a sign.

        One longer than the limit counts as that: this process itself may have stood still.
        """
        if pause_s > self.least_s:
            pause_s = min(pause_s, self.limit_s(work, size))
        with self._lock:
            self._pauses[work].append((size, pause_s))

    def limit_s(self, work: str, size: int = 1) -> float:
        """Return the seconds of silence after which ``work`` counts as hung."""
        with self._lock:
            known = list(self._pauses[work])
        if not known:
            return max(self.least_s, _UNKNOWN_S)
        alike = [pause_s for seen, pause_s in known if seen >= size]
        if not alike:
            largest, _ = max(known)
            alike = [pause_s * (size / largest) ** 2 for seen, pause_s in known if seen == largest]
        return max(self.least_s, _FACTOR * max(alike))
