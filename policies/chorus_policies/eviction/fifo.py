"""FIFO: evict the entry that was admitted first.

Reuse changes nothing. Paper: the textbook rule; MoDM (ASPLOS'26) runs it over 10,000 entries. State
per entry: one place in an ordered map. Cost per call: O(1), plus the pinned entries passed over.
Left out: nothing.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class Fifo:
    """Orders entries by admission."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        self._order: OrderedDict[int, None] = OrderedDict()

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the young end."""
        self._order[entry.key] = None

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Change nothing."""

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._order[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the oldest entry that is not pinned."""
        return next(key for key in self._order if key not in pinned)
