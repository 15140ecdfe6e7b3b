"""Random: evict any entry, each with equal chance.

The baseline that keeps no history: a policy that does not beat it has learned nothing. Paper: the
textbook rule. State per entry: a place in a list. Cost per call: O(1), plus the pinned entries
passed over. Left out: nothing; where the drawn entry is pinned its successor in the list goes.
"""

from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.eviction.pool import Pool
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class Random:
    """Draws a victim and names it until it has left or is pinned."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config
        self._pool = Pool(setting.chance)
        self._named: int | None = None

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry among those that can be drawn."""
        self._pool.add(entry.key)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Change nothing."""

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        self._pool.remove(key)
        if key == self._named:
            self._named = None

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry drawn, the same one until it is gone."""
        if self._named is None or self._named in pinned:
            self._named = self._pool.draw(pinned)
        return self._named
