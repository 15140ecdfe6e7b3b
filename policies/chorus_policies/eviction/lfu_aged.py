"""LFU with dynamic ageing: frequency counts, but counts of the past lose to those of the present.

An entry's rank is its uses plus the age of the cache at its last use; the age is the rank of the
last entry evicted. So an entry that was popular once is overtaken as others come and go. Paper:
Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating content management techniques for Web
proxy caches", 2000 (LFU-DA, as in Squid). State per entry: uses and a place in a heap. Cost per
call: O(log n). Left out: nothing; equal ranks leave in the order in which they reached the rank.
"""

from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.eviction.ranking import Ranking
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class LfuAged:
    """Ranks entries by uses since they came plus the cache's age at the last one."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        self._ranking = Ranking()
        self._uses: dict[int, int] = {}
        self._age = 0.0
        self._named: int | None = None

    def admitted(self, entry: Entry, now: float) -> None:
        """Rank the entry by one use and the present age."""
        self._uses[entry.key] = 1
        self._ranking.put(entry.key, self._age + 1)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Count the use and rank the entry by the present age."""
        self._uses[entry.key] += 1
        self._ranking.put(entry.key, self._age + self._uses[entry.key])

    def removed(self, key: int, now: float) -> None:
        """Forget the entry; the rank of one that was evicted becomes the age."""
        del self._uses[key]
        rank = self._ranking.remove(key)
        if key == self._named:
            self._age = max(self._age, rank)
            self._named = None

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry of the smallest rank that is not pinned."""
        self._named = self._ranking.first(pinned)
        return self._named
