"""SIEVE: a hand walks from old to new, spares each reused entry once, and evicts the first other.

Entries stay where they were admitted; reuse only marks them. The hand meets new entries before it
returns to the ones it has spared, so new ones that are not reused soon leave first. Paper: Zhang et
al., "SIEVE is simpler than LRU", NSDI'24. State per entry: a place in a linked list and one bit.
Cost per call: O(1) amortised (each reuse pays for one step of the hand), plus the pinned entries
passed over. A pinned entry keeps its mark. Left out: nothing.
"""

from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class _Place:
    """One entry's place in the list."""

    __slots__ = ("key", "newer", "older", "reused")

    def __init__(self, key: int) -> None:
        self.key = key
        self.reused = False
        self.older = self
        self.newer = self


class Sieve:
    """Keeps entries in a ring from old to new, with a hand on the next one to judge."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        # Lies between the newest and the oldest entry. A hand that rests here starts with the
        # oldest entry, however many came in meanwhile.
        self._ends = _Place(-1)
        self._hand = self._ends
        self._places: dict[int, _Place] = {}

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry at the new end, unmarked."""
        place = _Place(entry.key)
        place.older, place.newer = self._ends.older, self._ends
        self._ends.older.newer = place
        self._ends.older = place
        self._places[entry.key] = place

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Mark the entry; it does not move."""
        self._places[entry.key].reused = True

    def removed(self, key: int, now: float) -> None:
        """Forget the entry; a hand that points at it goes on to the next newer one."""
        place = self._places.pop(key)
        place.older.newer = place.newer
        place.newer.older = place.older
        if self._hand is place:
            self._hand = place.newer

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the first unmarked, unpinned entry from the hand on; the hand stays there."""
        hand = self._hand
        while True:
            if hand is not self._ends and hand.key not in pinned:
                if not hand.reused:
                    self._hand = hand
                    return hand.key
                hand.reused = False
            hand = hand.newer
