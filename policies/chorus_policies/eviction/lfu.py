"""LFU: evict the entry that was reused least often since it was admitted.

Entries of equal frequency leave in the order in which they reached that frequency. A removed
entry's count is forgotten. Paper: the textbook rule with the constant-time lists of Shah, Mitra and
Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010. State per entry: a
pointer to its frequency and a place in that frequency's ordered map. Cost per call: O(1), plus the
pinned entries passed over. Left out: ageing, so an entry that was popular once stays.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No numbers."""


class _Frequency:
    """The entries reused equally often, between the next lower and the next higher frequency."""

    __slots__ = ("count", "higher", "keys", "lower")

    def __init__(self, count: int) -> None:
        self.count = count
        self.keys: OrderedDict[int, None] = OrderedDict()
        self.lower = self
        self.higher = self


class Lfu:
    """Keeps entries in one list per frequency, the lists in a ring from low to high."""

    def __init__(self, config: Config, setting: Setting) -> None:
        del config, setting
        # Lies between the highest and the lowest frequency and holds no entry.
        self._ends = _Frequency(-1)
        self._at: dict[int, _Frequency] = {}

    def admitted(self, entry: Entry, now: float) -> None:
        """Put the entry last among those never reused."""
        self._put(entry.key, 0, self._ends)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Move the entry last into the next higher frequency."""
        left = self._at[entry.key]
        self._put(entry.key, left.count + 1, left)
        self._take(entry.key, left)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry and its count."""
        self._take(key, self._at.pop(key))

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the first entry of the lowest frequency that is not pinned."""
        frequency = self._ends.higher
        while True:
            for key in frequency.keys:
                if key not in pinned:
                    return key
            frequency = frequency.higher

    def _put(self, key: int, count: int, lower: _Frequency) -> None:
        """Append to frequency ``count``, whose place is right above ``lower``."""
        frequency = lower.higher
        if frequency.count != count:
            frequency = _Frequency(count)
            frequency.lower, frequency.higher = lower, lower.higher
            lower.higher.lower = frequency
            lower.higher = frequency
        frequency.keys[key] = None
        self._at[key] = frequency

    @staticmethod
    def _take(key: int, frequency: _Frequency) -> None:
        """Take the entry off a frequency, and the frequency away when it is empty."""
        del frequency.keys[key]
        if not frequency.keys:
            frequency.lower.higher = frequency.higher
            frequency.higher.lower = frequency.lower
