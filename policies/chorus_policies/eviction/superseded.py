"""LRU in which an entry that a newer one makes redundant leaves first.

When a request is served from a donor at least ``similarity`` alike and its own entry keeps every
step the donor's keeps, the donor is superseded: whoever is similar to it will be as similar to its
successor. Superseded entries are evicted before all others, in the order they were superseded; the
rest is LRU. A run that is shared while it goes on is judged by the steps it keeps then, and once
more when it finishes: what it keeps from then on may cover its donor. Own formulation; the
observation that edit chains make their earlier links redundant is measured in this project. State
per entry: one place in an ordered map, one number. Cost per call: O(1), plus the pinned entries
passed over. Left out: what an entry saved, and what the second-best resident would save instead.
"""

from collections import OrderedDict
from collections.abc import Container
from itertools import chain

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lower ``similarity`` frees more places and drops donors that were still of use."""

    similarity: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise ValueError(f"similarity is {self.similarity}; a number in (0, 1] is needed")


class Superseded:
    """Orders entries by redundancy first, last use second."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del setting
        self._similarity = config.similarity
        self._redundant: OrderedDict[int, None] = OrderedDict()
        self._order: OrderedDict[int, int] = OrderedDict()

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the recent end, and its donor among the redundant if it covers it."""
        self._supersede(entry)
        self._order[entry.key] = entry.first_step

    def trimmed(self, entry: Entry, now: float) -> None:
        """Judge the entry by the steps it keeps from now on; its place stays."""
        self._supersede(entry)
        if entry.key in self._order:
            self._order[entry.key] = entry.first_step

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry to the recent end; a redundant one stays redundant."""
        if entry.key in self._order:
            self._order.move_to_end(entry.key)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        if key in self._order:
            del self._order[key]
        else:
            del self._redundant[key]

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the first redundant entry, else the least recently used, that is not pinned."""
        candidates = chain(self._redundant, self._order)
        return next(key for key in candidates if key not in pinned)

    def _supersede(self, entry: Entry) -> None:
        """Put the entry's donor among the redundant if the entry covers it."""
        donor = entry.donor
        if (
            donor is not None
            and entry.donor_similarity >= self._similarity
            and entry.first_step <= self._order.get(donor, -1)
        ):
            del self._order[donor]
            self._redundant[donor] = None
