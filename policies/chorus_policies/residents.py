"""What is resident: entries, the tier each lies in, pins, and how bytes move between tiers.

``Cache`` asks the policy about requests; this class carries out what follows for entries. Evicting,
demoting and trimming are journal rows, written where they happen.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from chorus_policies.entry import Entry, Query, trimmed_entry
from chorus_policies.exact_results import ExactResults
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.parts import SimilarityIndex
from chorus_policies.plan import Copy, Regional, Resume
from chorus_policies.tier import Tier
from chorus_traces.errors import PolicyError


class Stored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a finished result: its size, the tier it lies in, or why it lies in none."""

    size_bytes: int
    tier: str | None
    reason: str


class _InTiers(Mapping[int, Entry]):
    """The entries of several tiers; each lies in one of them."""

    def __init__(self, tiers: list[Tier]) -> None:
        self._tiers = tiers

    def __getitem__(self, key: int) -> Entry:
        for tier in self._tiers:
            entry = tier.resident.get(key)
            if entry is not None:
                return entry
        raise KeyError(key)

    def __iter__(self) -> Iterator[int]:
        for tier in self._tiers:
            yield from tier.resident

    def __len__(self) -> int:
        return sum(len(tier.resident) for tier in self._tiers)


class Residents:
    """Keeps entries within the bytes of ``tiers``, fastest first.

    A new entry goes to the first tier. A tier that is full passes its victim down to the next; the
    last one drops it. Pinned entries stay where they are until their last pin goes.
    """

    def __init__(
        self,
        tiers: list[Tier],
        index: SimilarityIndex,
        journal: Journal,
    ) -> None:
        self.tiers = tiers
        self.entries = tiers[0].resident if len(tiers) == 1 else _InTiers(tiers)
        self.pins: dict[int, int] = {}
        self.exact = ExactResults()
        self.evicted_bytes = 0
        self.evictions = 0
        self._index = index
        self._noted = journal.is_read
        self._write = journal.write

    def tier_of(self, key: int) -> Tier:
        """Return the tier a resident entry lies in."""
        for tier in self.tiers:
            if key in tier.resident:
                return tier
        raise KeyError(key)

    def hit(self, plan: Copy | Resume | Regional, now: float) -> None:
        """Pin the donor of ``plan`` and tell its tier's eviction part."""
        tier = self.tier_of(plan.donor)
        entry = tier.resident[plan.donor]
        self.pin(entry, tier)
        tier.hit(entry, plan, now)

    def pin(self, entry: Entry, tier: Tier) -> None:
        """Keep ``entry`` in ``tier`` until the pin is taken off."""
        pins = self.pins.get(entry.key, 0)
        self.pins[entry.key] = pins + 1
        if not pins:
            tier.pin(entry)

    def unpin(self, key: int) -> None:
        """Take one pin off an entry."""
        pins = self.pins[key] - 1
        if pins:
            self.pins[key] = pins
        else:
            del self.pins[key]
            tier = self.tier_of(key)
            tier.unpin(tier.resident[key])

    def place(self, entry: Entry, query: Query, now: float) -> Stored:
        """Make ``entry``, the result of ``query``, resident in the first tier if it may be."""
        tier = self.tiers[0]
        size_bytes = entry.size_bytes
        capacity = tier.capacity(now)
        if size_bytes > capacity:
            return Stored(size_bytes=size_bytes, tier=None, reason="larger than the tier")
        if tier.pinned_bytes + size_bytes > capacity:
            # Nobody is evicted for an entry that cannot be kept anyway.
            return Stored(size_bytes=size_bytes, tier=None, reason="all else is pinned")
        victim = tier.in_the_way(size_bytes, capacity, self.pins, now)
        if not tier.admits(entry, victim, now):
            return Stored(size_bytes=size_bytes, tier=None, reason="refused by admission")
        if victim is not None:
            self._make_room(0, size_bytes, capacity, victim, now)
        self._enter(entry, query, 0, now)
        return Stored(size_bytes=size_bytes, tier=tier.name, reason="admitted")

    def restore(self, entry: Entry, query: Query, tier_name: str, now: float) -> Stored:
        """Make an entry of an earlier run resident as it was, if the tier has room for it."""
        size_bytes = entry.size_bytes
        for place, tier in enumerate(self.tiers):
            if tier.name == tier_name and tier.occupied_bytes + size_bytes <= tier.capacity(now):
                self._enter(entry, query, place, now)
                return Stored(size_bytes=size_bytes, tier=tier_name, reason="restored")
        return Stored(size_bytes=size_bytes, tier=None, reason=f"no room in {tier_name}")

    def replace(self, entry: Entry, now: float) -> None:
        """Put ``entry``, finished and no larger, in the place of the resident one of its key."""
        tier = self.tier_of(entry.key)
        freed = tier.resident[entry.key].size_bytes - entry.size_bytes
        if freed and self._noted:
            self._write(JournalRow(now, "trim", entry.key, tier.name, -1, 0.0, 0, 0, freed))
        if entry.key in self.pins:
            # Whoever reads it pinned what is resident from now on.
            tier.unpin(tier.resident[entry.key])
            tier.pin(entry)
        tier.replace(entry, now)
        self.exact.add(entry)

    def shrink(self, now: float) -> None:
        """Evict until the first tier is within its capacity, as far as pins allow."""
        tier = self.tiers[0]
        capacity = max(tier.capacity(now), tier.pinned_bytes)
        victim = tier.in_the_way(0, capacity, self.pins, now)
        self._make_room(0, 0, capacity, victim, now)

    def remove(self, key: int, now: float, call: Literal["remove", "abandon"]) -> None:
        """Drop an entry by order. Raises ``PolicyError`` if it is absent or pinned."""
        if key not in self.entries or key in self.pins:
            state = "pinned" if key in self.pins else "not resident"
            raise PolicyError(f"{call}: entry {key} is {state}; only a free resident entry can go")
        tier = self.tier_of(key)
        entry = tier.resident[key]
        self._write(JournalRow(now, call, key, tier.name, -1, 0.0, 0, 0, entry.size_bytes))
        self._drop(entry, tier, now)

    def _enter(self, entry: Entry, query: Query, place: int, now: float) -> None:
        self.tiers[place].add(entry, now)
        self._index.add(query)
        self.exact.add(entry)

    def _make_room(
        self, place: int, size_bytes: int, capacity: int, victim: int | None, now: float
    ) -> None:
        """Move ``victim`` and who follows out of tier ``place`` until ``size_bytes`` fit."""
        tier = self.tiers[place]
        while victim is not None:
            self._demote(victim, place, now)
            victim = tier.in_the_way(size_bytes, capacity, self.pins, now)

    def _demote(self, key: int, place: int, now: float) -> None:
        """Trim an entry, or pass it down one tier, or drop it where there is none with room."""
        tier = self.tiers[place]
        entry = tier.resident[key]
        if tier.trims(entry, now):
            self._trim(entry, tier, now)
            return
        if place + 1 < len(self.tiers) and self._pass_down(entry, place, now):
            return
        if self._noted:
            self._write(JournalRow(now, "evict", key, tier.name, -1, 0.0, 0, 0, entry.size_bytes))
        self.evictions += 1
        self.evicted_bytes += entry.size_bytes
        self._drop(entry, tier, now)

    def _pass_down(self, entry: Entry, place: int, now: float) -> bool:
        """Move an entry to the next tier; tell whether that tier could take it."""
        tier, size_bytes = self.tiers[place + 1], entry.size_bytes
        capacity = tier.capacity(now)
        if tier.pinned_bytes + size_bytes > capacity:
            return False
        victim = tier.in_the_way(size_bytes, capacity, self.pins, now)
        self._make_room(place + 1, size_bytes, capacity, victim, now)
        self.tiers[place].remove(entry, now)
        tier.add(entry, now)
        self._write(JournalRow(now, "demote", entry.key, tier.name, -1, 0.0, 0, 0, size_bytes))
        return True

    def _trim(self, entry: Entry, tier: Tier, now: float) -> None:
        """Drop an entry's step latents and keep the rest."""
        core = trimmed_entry(entry)
        tier.trim(entry, core, now)
        freed = entry.size_bytes - core.size_bytes
        self.evicted_bytes += freed
        if self._noted:
            self._write(JournalRow(now, "trim", entry.key, tier.name, -1, 0.0, 0, 0, freed))

    def _drop(self, entry: Entry, tier: Tier, now: float) -> None:
        tier.remove(entry, now)
        self._index.remove(entry.key)
        self.exact.remove(entry)
