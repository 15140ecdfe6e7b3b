"""The four parts of a policy, and the similarity index they are shown.

A part is a pure state machine: it is told facts and asked questions. ``now`` is an argument, in
seconds since the run began. Chance is a generator given to the constructor. A part never calls
back, logs, blocks, reads a clock or holds a tensor. Equal calls give equal answers.
"""

import random
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.plan import Plan


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a part is told when it is made.

    The tier's bytes, its own source of chance, and whether the entry form lets step latents leave
    before the rest of their entry.
    """

    capacity_bytes: int
    chance: random.Random
    trims: bool = False


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What GPU time and the memory of one tier cost, in dollars."""

    gpu_usd_per_s: float = 0.0
    usd_per_byte_s: float = 0.0


class Reuse(Protocol):
    """Decides how much of a neighbour's work a request takes over."""

    def plan(self, query: Query, neighbours: Iterable[tuple[Entry, float]], now: float) -> Plan:
        """Return the plan for ``query``.

        ``neighbours`` yields resident entries of the query's namespace with their cosine
        similarity, most similar first, most recent first among equals. It is lazy: reading less
        of it costs less.
        """

    def floor(self) -> float:
        """Return the smallest similarity that can lead to reuse; lower neighbours are not shown."""

    def span(self, steps: int) -> tuple[int, int]:
        """Return the first and last step whose latents a plan over ``steps`` steps can ask for."""


class Admission(Protocol):
    """Decides whether a finished result is worth a place."""

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Return whether to keep ``candidate``; ``victim`` (None: there is room) would go."""


class Eviction(Protocol):
    """Knows the resident entries of one tier and names who leaves next."""

    def admitted(self, entry: Entry, now: float) -> None:
        """Learn that ``entry`` is now resident."""

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Learn that ``plan`` reuses the resident ``entry``."""

    def removed(self, key: int, now: float) -> None:
        """Learn that the entry has left the tier, by eviction or otherwise."""

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the key of the resident entry to evict, never one in ``pinned``.

        Asked twice with nothing in between, it answers the same. It is asked only while at least
        one resident entry is not pinned.
        """


@runtime_checkable
class QualityWatcher(Protocol):
    """A reuse part that learns from how good its results were."""

    def judged(self, query: Query, plan: Plan, acceptable: bool) -> None:
        """Learn whether what ``plan`` made for ``query`` was good enough."""


class Option(NamedTuple):
    """A resident entry that could serve a query, and the GPU-seconds it would save."""

    entry: Entry
    similarity: float
    saving_s: float


@runtime_checkable
class Watcher(Protocol):
    """An eviction part that wants to see every lookup, not only those it serves."""

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Learn that ``query`` was answered with ``plan``.

        ``options`` yields every resident neighbour of any tier, most similar first. It is lazy:
        reading less of it costs less. ``hit`` is told after this.
        """


@runtime_checkable
class TrimWatcher(Protocol):
    """An eviction part that remembers the bytes or the steps of an entry."""

    def trimmed(self, entry: Entry, now: float) -> None:
        """Learn that ``entry`` is resident without its step latents.

        They may have left by themselves: those of a ``renoised`` entry do when its run ends.
        """


@runtime_checkable
class Trimmer(TrimWatcher, Protocol):
    """An eviction part that can let an entry's step latents leave before the rest of it."""

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""


@runtime_checkable
class RoomMaker(Protocol):
    """An eviction part that wants to know how much room is to be made."""

    def short_of(self, short_bytes: int) -> None:
        """Learn, before each ``victim``, how many bytes must still leave."""


class Sizing(Protocol):
    """Decides how many bytes a tier may use."""

    def capacity(self, now: float) -> int:
        """Return the bytes the tier may occupy from ``now`` on."""


@runtime_checkable
class GhostWatcher(Protocol):
    """A sizing part that wants to know what the tier would save at other sizes."""

    def priced(self, prices: Prices) -> None:
        """Learn the prices, once, before anything else."""

    def sizes(self) -> Sequence[int]:
        """Return the sizes in bytes to watch, smallest first."""

    def holds(self, size_bytes: int) -> str | None:
        """Learn that a finished entry of this size asks for room; return why capacity changed."""

    def looked_up(
        self, saved_s: Sequence[float], whole_s: float, full: int, now: float
    ) -> str | None:
        """Learn what each size would have saved a lookup; return why the capacity changed.

        ``whole_s`` are the GPU-seconds of the request in full, the most it could save. The ``full``
        smallest sizes have had to let an entry go; a larger one holds all there was.
        """


class SimilarityIndex(Protocol):
    """Finds resident entries by similarity. Two implementations give equal answers."""

    def add(self, query: Query) -> None:
        """Make the entry with key ``query.sequence`` findable."""

    def remove(self, key: int) -> None:
        """Make the entry unfindable."""

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        """Yield ``(key, similarity)`` of findable entries of the query's namespace.

        Only similarities >= ``floor``, most similar first, most recent (largest key) first among
        equals; similarities are multiples of 1e-4.
        """
