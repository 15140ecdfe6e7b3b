"""GDSF: evict the entry whose uses are worth least GPU time per byte.

An entry's rank is uses x cost / bytes plus the level of the cache at its last use; the level is the
rank of the last entry evicted, which ages what is not used. Paper: Cherkasova, "Improving WWW
proxies performance with Greedy-Dual-Size-Frequency caching policy", HP Labs 1998. State per entry:
a use count or credit and a place in a heap. Cost per call: O(log n).

As in libcachesim, a new entry is ranked by the level before the evictions that made room for it.
Ours: an entry that was shared while its run went on is ranked anew when that finishes, by the bytes
it has from then on and the level of then, as one that was not shared would be.
Left out: nothing. The cost is ours: ``made`` counts the GPU-seconds that made the entry at every
use, ``saved`` counts what each hit saved, and a new entry starts with the mean saving of a hit.
"""

from collections.abc import Container, Iterable

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.ranking import Ranking
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Copy, Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a use is worth.

    ``made`` favours results that were computed in full, whatever they are reused for; ``saved``
    favours those that saved much so far and knows nothing of a new one.
    """

    cost: str = "made"

    def __post_init__(self) -> None:
        if self.cost not in ("made", "saved"):
            raise ValueError(f"cost is {self.cost!r}; 'made' or 'saved' is needed")


class Gdsf:
    """Ranks entries by the GPU-seconds of their uses per byte, on a rising level."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._by_saving = config.cost == "saved"
        self._ranking = Ranking()
        self._credit: dict[int, float] = {}
        self._level = 0.0
        self._next_level = 0.0
        self._named: int | None = None
        self._saving_s = 0.0
        self._savings_s = 0.0
        self._hits = 0

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Learn what the hit that follows saves; the options are not read."""
        self._saving_s = saved_steps(plan, query.steps, query.srd_full_every) * query.step_s

    def admitted(self, entry: Entry, now: float) -> None:
        """Rank the entry by one use and the level before its room was made."""
        start = self._savings_s / self._hits if self._by_saving and self._hits else entry.cost_s
        self._rank(entry, start)
        self._level = self._next_level

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Add the worth of one use and rank the entry by the present level."""
        self._level = self._next_level
        worth = entry.cost_s
        if self._by_saving:
            # A copy found on arrival is not watched; it saves what made the entry.
            worth = entry.cost_s if isinstance(plan, Copy) else self._saving_s
            self._savings_s += worth
            self._hits += 1
        self._rank(entry, self._credit[entry.key] + worth)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Rank the entry by the bytes it has from now on and the present level; it is no use."""
        self._level = self._next_level
        self._rank(entry, self._credit[entry.key])

    def removed(self, key: int, now: float) -> None:
        """Forget the entry; the rank of one that was evicted becomes the level."""
        del self._credit[key]
        rank = self._ranking.remove(key)
        if key == self._named:
            self._next_level = rank
            self._named = None

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry of the smallest rank that is not pinned."""
        self._named = self._ranking.first(pinned)
        return self._named

    def _rank(self, entry: Entry, credit: float) -> None:
        self._credit[entry.key] = credit
        self._ranking.put(entry.key, self._level + credit / entry.size_bytes)
