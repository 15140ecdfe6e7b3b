"""Evict the bundle of pieces that loses least and makes enough room; values are those of ``worth``.

Where few entries fit, the value per byte misleads: the cheapest per byte may be too small for the
newcomer, then a second one leaves as well, and bytes lie empty. So the newcomer's size is foreseen
as the most frequent of the recent sizes that do not fit, and two ways to make that room are
compared: the cheapest per byte one after another, without those not needed in the end; and one
piece large enough alone. Bytes left over count at the price of the cheapest piece per byte, so with
many small entries this is ``worth``.

Own formulation; kin is the knapsack cover problem and its greedy rule (Carnes and Shmoys, IPCO
2008). State per entry: that of ``worth`` and one number; per size: a count. Cost per call: O(1),
``victim`` O(classes + sizes + pieces in the bundle x log classes). Left out: bundles of two pieces
that the greedy order does not meet; what comes after the newcomer.
"""

import heapq
from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction import worth
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Plan

#: The numbers of ``worth``; ``memory`` is also how many newcomers' sizes are remembered.
Config = worth.Config


class _Piece(NamedTuple):
    """A piece of ``key`` that can leave: seconds lost per byte, and in all, and bytes freed.

    ``place`` is that of its class; it breaks ties.
    """

    price: float
    place: int
    value: float
    freed_bytes: int
    key: int


class Bundle:
    """Foresees the room the newcomer needs, and makes it at the least loss."""

    def __init__(self, config: worth.Config, setting: Setting) -> None:
        self._worth = worth.Worth(config, setting)
        self._capacity_bytes = setting.capacity_bytes
        self._occupied_bytes = 0
        self._size_of: dict[int, int] = {}
        self._recent: deque[int] = deque()
        self._frequency: Counter[int] = Counter()
        self._memory = int(config.memory)

    def watched(self, query: Query, plan: Plan, options: Iterable[Option], now: float) -> None:
        """Work out what the donor saves that no other resident would."""
        self._worth.watched(query, plan, options, now)

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry in and remember its size."""
        self._worth.admitted(entry, now)
        self._size_of[entry.key] = entry.size_bytes
        self._occupied_bytes += entry.size_bytes
        self._recent.append(entry.size_bytes)
        self._frequency[entry.size_bytes] += 1
        if len(self._recent) > self._memory:
            oldest = self._recent.popleft()
            self._frequency[oldest] -= 1
            if not self._frequency[oldest]:
                del self._frequency[oldest]

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of its class."""
        self._worth.hit(entry, plan, now)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry and count its bytes as free."""
        self._worth.removed(key, now)
        self._occupied_bytes -= self._size_of.pop(key)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        self._worth.trimmed(entry, now)
        self._occupied_bytes -= self._size_of[entry.key] - entry.size_bytes
        self._size_of[entry.key] = entry.size_bytes

    def trims(self, key: int, now: float) -> bool:
        """Tell whether only the step latents of the victim ``key`` leave."""
        return self._worth.trims(key, now)

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the first of the pieces that make the room needed at the least loss."""
        needed = self._foreseen_bytes()
        heads = self._heads(pinned)
        first = min(heads)
        price, chosen = first.price, first.key
        if first.freed_bytes >= needed:
            least = first.value - price * (first.freed_bytes - needed)
        else:
            bundle = self._one_after_another(heads, pinned, needed)
            chosen, freed, value = bundle[0].key, 0, 0.0
            for piece in bundle:
                freed += piece.freed_bytes
                value += piece.value
            least = value - price * (freed - needed)
        for head in heads:
            if head.freed_bytes >= needed:
                loss = head.value - price * (head.freed_bytes - needed)
                if loss < least:
                    chosen, least = head.key, loss
        return chosen

    def _foreseen_bytes(self) -> int:
        """Return the bytes that must leave for a newcomer of the likeliest size that does not fit.

        At least 1: a size never seen, or a capacity that changed, says nothing.
        """
        free = self._capacity_bytes - self._occupied_bytes
        likeliest, most = free + 1, 0
        for size, count in self._frequency.items():
            if size > free and (count, size) > (most, likeliest):
                likeliest, most = size, count
        return max(1, likeliest - free)

    def _heads(self, pinned: Container[int]) -> list[_Piece]:
        """Return the first piece of each class that can leave: the longest unused."""
        heads = []
        prior, born_now = self._now()
        for place, kind in enumerate(self._worth._classes.values()):  # noqa: SLF001
            queue = kind.queue
            if not queue:
                continue
            key = next(iter(queue))
            if key in pinned:
                key = next((key for key in queue if key not in pinned), -1)
                if key < 0:
                    continue
            state = queue[key]
            freed = state.freed_bytes
            rate = (kind.saved_s + prior) / (kind.at_risk + 1.0)
            value = rate / (born_now - state.unused_since)
            heads.append(_Piece(value / freed, place, value, freed, key))
        return heads

    def _pieces(self, place: int, pinned: Container[int]) -> Iterator[_Piece]:
        """Yield the pieces of a class that can leave, the longest unused first."""
        prior, born_now = self._now()
        kind = next(islice(self._worth._classes.values(), place, None))  # noqa: SLF001
        rate = (kind.saved_s + prior) / (kind.at_risk + 1.0)
        for key, state in kind.queue.items():
            if key not in pinned:
                value, freed = rate / (born_now - state.unused_since), state.freed_bytes
                yield _Piece(value / freed, place, value, freed, key)

    def _now(self) -> tuple[float, int]:
        """Return the rate of a class without experience, and since when a new entry is unused."""
        mean = self._worth._mean  # noqa: SLF001 - one algorithm in two files
        prior = (mean.saved_s + 1.0) / (mean.at_risk + 1.0)
        return prior, self._worth._clock + 1  # noqa: SLF001

    def _one_after_another(
        self, heads: list[_Piece], pinned: Container[int], needed: int
    ) -> list[_Piece]:
        """Return the cheapest pieces per byte that free ``needed`` bytes, without those in excess.

        ``heads`` are the first pieces of the classes.
        """
        cheapest_first = list(heads)
        heapq.heapify(cheapest_first)
        rest: dict[int, Iterator[_Piece]] = {}
        bundle: list[_Piece] = []
        freed = 0
        while cheapest_first and freed < needed:
            piece = cheapest_first[0]
            bundle.append(piece)
            freed += piece.freed_bytes
            if piece.place not in rest:
                rest[piece.place] = islice(self._pieces(piece.place, pinned), 1, None)
            following = next(rest[piece.place], None)
            if following is None:
                heapq.heappop(cheapest_first)
            else:
                heapq.heapreplace(cheapest_first, following)
        kept = []
        for piece in reversed(bundle):
            if freed - piece.freed_bytes >= needed:
                freed -= piece.freed_bytes
            else:
                kept.append(piece)
        kept.reverse()
        return kept
