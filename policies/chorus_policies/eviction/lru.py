"""LRU: evict the entry whose last use lies furthest back.

Being admitted and being reused both count as a use. Paper: the textbook rule; under similarity it
is SIM-LRU's refresh without its hit rule. State per entry: one place in an ordered map. Cost per
call: O(1), plus the pinned entries passed over.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class Lru:
    """Orders entries by last use."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        self._order: OrderedDict[int, None] = OrderedDict()

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the recent end."""
        self._order[entry.key] = None

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry to the recent end."""
        self._order.move_to_end(entry.key)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._order[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the least recently used entry that is not pinned."""
        for key in self._order:
            if key not in pinned:
                return key
        raise LookupError("every entry is pinned")
