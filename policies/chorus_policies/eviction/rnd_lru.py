"""RND-LRU: LRU in which a hit counts as a use with the chance that it is a good approximation.

The more steps a hit leaves to compute, the less likely it refreshes its donor: the chance is
(1 - C_a / C_r) ^ power. Paper: Pandey et al., "Nearest-neighbor caching for content-match
applications", WWW'09, as stated by Garetto, Leonardi and Neglia, INFOCOM 2020 (from memory of both;
the power law is ours, the papers leave the function open). State per entry: a place in an ordered
map. Cost per call: O(1), plus the pinned entries passed over. Left out: there the same coin decides
whether the request is a hit at all; here the reuse part decides that.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.eviction.approximation import unsaved_share
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``power`` 0 is LRU; a larger one lets only deep reuse refresh."""

    power: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.power <= 100:
            raise ValueError(f"power is {self.power}; 0 (LRU) to 100 is needed")


class RndLru:
    """Orders entries by admission and last use that won its coin."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._power = config.power
        self._chance = setting.chance
        self._order: OrderedDict[int, None] = OrderedDict()

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the recent end."""
        self._order[entry.key] = None

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry to the recent end with the chance that the plan deserves."""
        if self._chance.random() < (1 - unsaved_share(plan, entry)) ** self._power:
            self._order.move_to_end(entry.key)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._order[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry longest without a use that counted and that is not pinned."""
        return next(key for key in self._order if key not in pinned)
