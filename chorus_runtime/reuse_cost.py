"""What reuse adds to a request, learned from those that were served: running medians.

The gates of a policy weigh it against the steps saved. Until something was measured it counts as
nothing, as for a cache that was never asked.
"""

import statistics
from collections import deque
from threading import Lock

from chorus_policies.costs.profile_book import Shape

#: Requests remembered for each shape: more are steadier and follow changes later.
_REMEMBERED = 64


class ReuseCost:
    """Seconds of lookup, and of loading each latent, by shape. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lookups: deque[float] = deque(maxlen=_REMEMBERED)
        self._loads: dict[Shape, deque[float]] = {}
        self._lock = Lock()

    def looked_up(self, seconds: float) -> None:
        """Learn what one lookup took."""
        with self._lock:
            self._lookups.append(seconds)

    def loaded(self, shape: Shape, seconds: float, latents: int) -> None:
        """Learn what loading so many latents took; none is nothing to learn from."""
        if latents < 1:
            return
        with self._lock:
            kept = self._loads.setdefault(shape, deque(maxlen=_REMEMBERED))
            kept.append(seconds / latents)

    @property
    def overhead_s(self) -> float:
        """Median seconds of a lookup, 0 before the first."""
        with self._lock:
            return statistics.median(self._lookups) if self._lookups else 0.0

    def load_latent_s(self, shape: Shape) -> float:
        """Return the median seconds of loading one latent of a shape, 0 before the first."""
        with self._lock:
            kept = self._loads.get(shape)
            return statistics.median(kept) if kept else 0.0
