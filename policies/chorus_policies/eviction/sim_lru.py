"""SIM-LRU: LRU in which only a good approximation counts as a use.

A hit that leaves more than a share ``theta`` of the steps to compute does not refresh its donor.
Paper: Pandey et al., "Nearest-neighbor caching for content-match applications", WWW'09, as stated
by Garetto, Leonardi and Neglia, "Similarity caching: theory and algorithms", INFOCOM 2020; the
formula is from memory of both. State per entry: a place in an ordered map. Cost per call: O(1),
plus the pinned entries passed over. Left out: there a request beyond theta is a miss; here the
reuse part decides what is a hit, and its result is stored in any case.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.eviction.approximation import unsaved_share
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A larger ``theta`` comes closer to LRU; 0 lets only copies refresh."""

    theta: float = 0.75

    def __post_init__(self) -> None:
        if not 0 <= self.theta <= 1:
            raise ValueError(f"theta is {self.theta}; a share of the steps in [0, 1] is needed")


class SimLru:
    """Orders entries by admission and last good use."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._theta = config.theta
        self._order: OrderedDict[int, None] = OrderedDict()

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the recent end."""
        self._order[entry.key] = None

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry to the recent end if the plan leaves no more than theta to compute."""
        if unsaved_share(plan, entry) <= self._theta:
            self._order.move_to_end(entry.key)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        del self._order[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the entry without a good use for longest that is not pinned."""
        return next(key for key in self._order if key not in pinned)
