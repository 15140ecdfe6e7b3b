"""One tier of the cache: its bytes, and the eviction, admission and sizing that rule it."""

from collections.abc import Collection

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.policy import PartsMaker
from chorus_traces.errors import PolicyError


class TierSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tier's name (it selects the bandwidth in the profile) and how many bytes it may use."""

    name: str
    capacity_bytes: int


class Tier:
    """Keeps the bytes of one tier and checks what its policy answers."""

    def __init__(self, spec: TierSpec, policy: PartsMaker, seed: int) -> None:
        self.name = spec.name
        self.eviction = policy.eviction(spec.capacity_bytes, seed)
        self.occupied_bytes = 0
        self._admission = policy.admission(spec.capacity_bytes, seed)
        self._sizing = policy.sizing(spec.capacity_bytes, seed)
        self._policy = policy.name
        self._resident: dict[int, Entry] = {}

    def capacity(self, now: float) -> int:
        """Return the bytes the tier may occupy now."""
        return self._sizing.capacity(now)

    def admits(self, candidate: Entry, pinned: Collection[int], now: float) -> bool:
        """Ask admission, showing the entry that would have to go if there is no room."""
        victim = None
        if self.occupied_bytes + candidate.size_bytes > self.capacity(now):
            key = self.victim(pinned, now)
            victim = None if key is None else self._resident[key]
        return self._admission.admit(candidate, victim, now)

    def can_hold(self, size_bytes: int, pinned: Collection[int], now: float) -> bool:
        """Tell whether ``size_bytes`` would fit if every entry that is not pinned left."""
        resident = self._resident
        held = sum(resident[key].size_bytes for key in pinned if key in resident)
        return held + size_bytes <= self.capacity(now)

    def add(self, entry: Entry, now: float) -> None:
        """Make ``entry`` resident; the caller has made room."""
        self._resident[entry.key] = entry
        self.occupied_bytes += entry.size_bytes
        self.eviction.admitted(entry, now)

    def remove(self, entry: Entry, now: float) -> None:
        """Take ``entry`` out."""
        del self._resident[entry.key]
        self.occupied_bytes -= entry.size_bytes
        self.eviction.removed(entry.key, now)

    def victim(self, pinned: Collection[int], now: float) -> int | None:
        """Return the entry to evict, or ``None`` when every resident entry is pinned.

        Raises ``PolicyError`` when the policy names an absent or a pinned entry.
        """
        if len(pinned) >= len(self._resident) and all(key in pinned for key in self._resident):
            return None
        key = self.eviction.victim(pinned, now)
        if key not in self._resident:
            raise PolicyError(f"{self._policy}: victim: entry {key} is not resident in {self.name}")
        if key in pinned:
            raise PolicyError(f"{self._policy}: victim: entry {key} is pinned")
        return key
