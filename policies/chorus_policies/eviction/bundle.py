"""Evict the bundle of pieces that loses least and makes enough room; values are those of ``worth``.

Where few entries fit, the value per byte misleads: the cheapest per byte may be too small for the
newcomer, then a second one leaves as well, and bytes lie empty. So two ways to free the bytes that
are short are compared: the cheapest per byte one after another, without those not needed in the
end; and one piece large enough alone. Bytes left over count at the price of the cheapest piece per
byte, so with many small entries this is ``worth``. A bundle, once chosen, is carried out.

Own formulation; kin is the knapsack cover problem and its greedy rule (Carnes and Shmoys, IPCO
2008). State per entry: that of ``worth``. Cost per call: O(1); ``victim`` O(classes + pieces in the
bundle x log classes) for the first piece of a bundle and O(1) for each of the others. Left out:
bundles of two pieces that the greedy order does not meet; what comes after the newcomer.
"""

import heapq
import math
from collections import OrderedDict
from collections.abc import Container, Iterator

from chorus_policies.entry import Entry
from chorus_policies.eviction import worth
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan

#: The numbers of ``worth``.
Config = worth.Config

#: A piece that can leave: seconds lost per byte, place of its class (it breaks ties), seconds lost
#: in all, bytes freed, key of its entry. Plain tuples: one is made per class and bundle.
_Piece = tuple[float, int, float, int, int]

#: What follows in a class: its rate, its entries, and the keys after the first piece.
_Rest = tuple[float, OrderedDict[int, worth._State], Iterator[int]]  # noqa: SLF001 - one algorithm


class Bundle:
    """Makes the room that is needed at the least loss."""

    def __init__(self, config: worth.Config, setting: Setting) -> None:
        self._worth = worth.Worth(config, setting)
        self.watched, self.trims = self._worth.watched, self._worth.trims
        self._short_bytes = 1
        #: Keys that leave and the bytes each frees, the next one last; and what they are to free.
        self._bundle: list[tuple[int, int]] = []
        self._bundle_bytes = 0

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry in."""
        self._bundle.clear()
        self._worth.admitted(entry, now)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of its class."""
        self._bundle.clear()
        self._worth.hit(entry, plan, now)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        self._carried_out(key)
        self._worth.removed(key, now)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        self._carried_out(entry.key)
        self._worth.trimmed(entry, now)

    def short_of(self, short_bytes: int) -> None:
        """Take note of the room to be made."""
        self._short_bytes = short_bytes

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the next piece of the bundle that makes the room at the least loss."""
        short = self._short_bytes
        bundle = self._bundle
        if bundle and self._bundle_bytes == short and bundle[-1][0] not in pinned:
            return bundle[-1][0]
        heads, rests = self._heads(pinned)
        first = min(heads)
        if first[3] >= short:
            bundle = [(first[4], first[3])]
        else:
            bundle = self._least_loss(heads, rests, first[0], pinned)
        self._bundle, self._bundle_bytes = bundle, short
        return bundle[-1][0]

    def _heads(self, pinned: Container[int]) -> tuple[list[_Piece], list[_Rest]]:
        """Return the first piece of each class that can leave, the longest unused, and the rest."""
        own = self._worth
        mean, next_tick = own._mean, own._clock + 1  # noqa: SLF001 - one algorithm in two files
        prior = (mean.saved_s + 1.0) / (mean.at_risk + 1.0)
        heads: list[_Piece] = []
        rests: list[_Rest] = []
        for kind in own._classes.values():  # noqa: SLF001
            queue = kind.queue
            if not queue:
                continue
            keys = iter(queue)
            key = next(keys)
            if key in pinned:
                key = next((key for key in keys if key not in pinned), -1)
                if key < 0:
                    continue
            state = queue[key]
            freed = state.freed_bytes
            rate = (kind.saved_s + prior) / (kind.at_risk + 1.0)
            value = rate / (next_tick - state.unused_since)
            heads.append((value / freed, len(heads), value, freed, key))
            rests.append((rate, queue, keys))
        return heads, rests

    def _least_loss(
        self, heads: list[_Piece], rests: list[_Rest], price: float, pinned: Container[int]
    ) -> list[tuple[int, int]]:
        """Return the cheaper of two bundles, the next to leave last; it uses up its arguments.

        One piece large enough alone, or the cheapest per byte without those in excess. ``price`` is
        that of the cheapest.
        """
        short, next_tick = self._short_bytes, self._worth._clock + 1  # noqa: SLF001
        alone, least = (-1, 0), math.inf
        for _, _, value, freed, key in heads:
            if freed >= short:
                loss = value - price * (freed - short)
                if loss < least:
                    alone, least = (key, freed), loss
        heapq.heapify(heads)
        taken: list[_Piece] = []
        total = 0
        while heads:
            piece = heads[0]
            taken.append(piece)
            total += piece[3]
            if total >= short:
                break
            place = piece[1]
            rate, queue, keys = rests[place]
            for key in keys:
                if key not in pinned:
                    state = queue[key]
                    value, freed = rate / (next_tick - state.unused_since), state.freed_bytes
                    heapq.heapreplace(heads, (value / freed, place, value, freed, key))
                    break
            else:
                heapq.heappop(heads)
        kept, value = [], 0.0
        for piece in reversed(taken):
            if total - piece[3] >= short:
                total -= piece[3]
            else:
                kept.append((piece[4], piece[3]))
                value += piece[2]
        return [alone] if least < value - price * (total - short) else kept

    def _carried_out(self, key: int) -> None:
        """Go on with the bundle if the piece that left is its next one; give it up if not."""
        bundle = self._bundle
        if bundle:
            if bundle[-1][0] == key:
                self._bundle_bytes -= bundle.pop()[1]
            else:
                bundle.clear()
