"""What judged results say: counts by bucket, and how sure they make one of a share.

Buckets lie in levels, from what all results of a kind did to what those of one namespace and
similarity did. An interval of a finer level is narrowed by the coarser one as far as the finer one
does not contradict it: few judgements are worth something everywhere, many overrule the rest.
"""

import math
from collections.abc import Iterable, Sequence

from chorus_policies.reuse.learned import Learned

Key = tuple[bool | int | str, ...]


class Ledger:
    """Requests that had a donor, results reused, judged and disappointing."""

    __slots__ = ("bad", "judged", "reused", "with_donor")

    def __init__(self) -> None:
        self.with_donor = 0.0
        self.reused = 0.0
        self.judged = 0.0
        self.bad = 0.0

    @property
    def expected_bad(self) -> float:
        """Disappointing results, if those nobody judged are as those somebody did."""
        return self.bad * max(1.0, self.reused / self.judged) if self.judged else 0.0

    def fade(self) -> None:
        """Let everything count half."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) / 2)


class Evidence:
    """Judged and disappointing results of each bucket. Cost per call: O(1) a level."""

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._counts: dict[Key, tuple[float, float]] = {}

    def count(self, levels: Iterable[Key], *, bad: bool) -> None:
        """Learn of one judged result, that belongs to a bucket of every level."""
        for key in levels:
            judged, disappointing = self._counts.get(key, (0.0, 0.0))
            self._counts[key] = (judged + 1, disappointing + bad)

    def interval(self, levels: Iterable[Key]) -> tuple[float, float]:
        """Return the bounds of the share of disappointing results; ``levels`` coarsest first."""
        low, high = 0.0, 1.0
        for key in levels:
            own_low, own_high = self.bounds(*self._counts.get(key, (0.0, 0.0)))
            low, high = min(max(low, own_low), own_high), max(min(high, own_high), own_low)
        return low, high

    def learned(self) -> tuple[Learned, ...]:
        """Return the counts of every bucket."""
        return tuple(Learned(key, judged, bad) for key, (judged, bad) in self._counts.items())

    def recall(self, learned: Sequence[Learned]) -> None:
        """Begin with these counts."""
        self._counts = {one.key: (one.judged, one.bad) for one in learned}

    def fade(self) -> None:
        """Let everything count half; what counts for nearly nothing is forgotten."""
        self._counts = {
            key: (judged / 2, bad / 2)
            for key, (judged, bad) in self._counts.items()
            if judged > 0.1
        }

    def bounds(self, judged: float, bad: float) -> tuple[float, float]:
        """Return Wilson's score interval of a share, (0, 1) where nothing was judged."""
        if judged == 0:
            return 0.0, 1.0
        z2 = self._quantile**2
        share = bad / judged
        middle = share + z2 / (2 * judged)
        spread = math.sqrt(z2 * (share * (1 - share) / judged + z2 / (4 * judged**2)))
        scale = 1 + z2 / judged
        return max(0.0, middle - spread) / scale, min(1.0, (middle + spread) / scale)
