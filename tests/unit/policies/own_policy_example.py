"""MRU: evict the entry that was used last; for cyclic scans, where LRU never hits.

An example of a part in a file of one's own: ``--policy ./own_policy_example.py:Mru``, or in a
policy file ``[eviction]`` with ``kind = "./own_policy_example.py:Mru"`` and ``keep = 2``.
"""

from collections import OrderedDict
from collections.abc import Container

import msgspec

from chorus_policies.entry import Entry, EntryForm
from chorus_policies.parts import Admission, Eviction, Reuse, Setting, Sizing
from chorus_policies.plan import Plan
from chorus_policies.policy import load_policy


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``keep`` most recent entries are spared; more of them come closer to LRU."""

    keep: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.keep <= 10:
            raise ValueError(f"keep is {self.keep}; 0 to 10 is needed")


class Mru:
    """Orders entries by last use and takes them from the recent end."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._keep = config.keep
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
        """Return the most recent entry that is neither pinned nor spared, if there is one."""
        found = -1
        for place, key in enumerate(reversed(self._order)):
            if key not in pinned:
                found = key
                if place >= self._keep:
                    break
        return found


class Whole:
    """A whole policy: the preset ``lru`` with this eviction and entries of one latent."""

    name = "whole-example"
    form = EntryForm(kind="compact")

    def __init__(self) -> None:
        self._rest = load_policy("lru")

    def reuse(self, seed: int) -> Reuse:
        """Return the preset's reuse part."""
        return self._rest.reuse(seed)

    def admission(self, capacity_bytes: int, seed: int) -> Admission:
        """Return the preset's admission part."""
        return self._rest.admission(capacity_bytes, seed)

    def eviction(self, capacity_bytes: int, seed: int) -> Eviction:
        """Return the eviction of this file."""
        return Mru(Config(), Setting(capacity_bytes=capacity_bytes, chance=None))  # type: ignore[arg-type]

    def sizing(self, capacity_bytes: int, seed: int) -> Sizing:
        """Return the preset's sizing part."""
        return self._rest.sizing(capacity_bytes, seed)
