"""SphereLFU: a request credits every resident near it, not only the one that serves it.

One unit of credit is shared among the neighbours: r_i = c_i k_i / (sum_j c_j k_j + alpha), with
k = e^(-kappa d^2) of the distance d. Then c_i grows by r_i, all counts decay by gamma per lookup,
and the smallest count leaves. Paper: Biton and Friedman, "From exact hits to close enough:
semantic caching for LLM embeddings", arXiv 2603.03301 (2026), appendix B.2.1. State per entry: one
count and a place in a heap. Cost per call: O(neighbours x log n), amortised O(log n) for the rest.

Left out: the paper's numbers are not known here; kappa, alpha and gamma are ours and not tuned. The
neighbours are the most similar residents that could serve, of whichever tier.
"""

import math
from collections.abc import Container, Iterable
from itertools import islice

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.ranking import Ranking
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Plan

#: Counts are kept in units that grow as the true ones decay; beyond this they are scaled back.
_LARGEST_UNIT = 1e100


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kernel and the memory.

    A larger ``kappa`` gives the credit to the nearest alone. ``alpha`` is the credit that goes to
    nobody: a larger one trusts weak neighbours less. A smaller ``gamma`` forgets sooner. More
    ``neighbours`` share the credit and cost time.
    """

    kappa: float = 10.0
    alpha: float = 0.1
    gamma: float = 0.999
    neighbours: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.kappa <= 1e6:
            raise ValueError(f"kappa is {self.kappa}; 0 to 1e6 is needed")
        if not 0 < self.alpha <= 1e6:
            raise ValueError(f"alpha is {self.alpha}; a number in (0, 1e6] is needed")
        if not 0.5 <= self.gamma <= 1:
            raise ValueError(f"gamma is {self.gamma}; 0.5 to 1 (never forget) is needed")
        if not 1 <= self.neighbours <= 1000:
            raise ValueError(f"neighbours is {self.neighbours}; 1 to 1000 is needed")


class SphereLfu:
    """Ranks entries by decaying credit."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._config = config
        self._ranking = Ranking()
        #: What a count of one is worth in the units of the ranking now.
        self._unit = 1.0

    def admitted(self, entry: Entry, now: float) -> None:
        """Start the entry with a count of one."""
        self._ranking.put(entry.key, self._unit)

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Let all counts decay, then share one credit among the neighbours of this tier."""
        config = self._config
        self._unit /= config.gamma
        if self._unit > _LARGEST_UNIT:
            self._ranking.scale(1 / self._unit)
            self._unit = 1.0
        shares = []
        for option in islice(options, config.neighbours):
            if option.entry.key in self._ranking:
                # Unit vectors: the squared distance is 2 - 2 cos.
                kernel = math.exp(-config.kappa * (2 - 2 * option.similarity))
                shares.append((option.entry.key, self._ranking.rank(option.entry.key) * kernel))
        total = sum(share for _, share in shares) + config.alpha * self._unit
        for key, share in shares:
            self._ranking.put(key, self._ranking.rank(key) + share / total * self._unit)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Change nothing: the credit was given when the lookup was watched."""

    def removed(self, key: int, now: float) -> None:
        """Forget the entry and its count."""
        self._ranking.remove(key)

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry of the smallest count that is not pinned."""
        return self._ranking.first(pinned)
