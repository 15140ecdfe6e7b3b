"""Evict the bundle of pieces that loses least and makes enough room; values are those of ``worth``.

Where few entries fit, the value per byte misleads: the cheapest per byte may be too small for the
newcomer, then a second one leaves as well, and bytes lie empty. So two ways to free the bytes that
are short are compared: the cheapest per byte one after another, without those not needed in the
end; and one piece large enough alone. Bytes left over count at the price of the cheapest piece per
byte, so with many small entries this is ``worth``. A bundle, once chosen, is carried out.

Own formulation; kin is the knapsack cover problem and its greedy rule (Carnes and Shmoys, IPCO
2008). State per entry: that of ``worth``. Cost per call: O(1); ``victim`` O(classes + pinned +
pieces in the bundle x log classes) for the first piece of a bundle and O(1) for each of the others.
Left out: bundles of two pieces that the greedy order does not meet; what comes after the newcomer.
"""

import heapq
import math
from collections.abc import Container

from chorus_policies.entry import Entry
from chorus_policies.eviction import pieces
from chorus_policies.eviction.piece import Piece
from chorus_policies.parts import Setting
from chorus_policies.plan import Plan

#: The numbers of ``worth``.
Config = pieces.Config


class Bundle:
    """Makes the room that is needed at the least loss."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._pieces = pieces.Pieces(config, setting)
        self.watched, self.trims = self._pieces.watched, self._pieces.trims
        self._short_bytes = 1
        #: Pieces that leave, the next one last, and the bytes they are to free.
        self._bundle: list[Piece] = []
        self._bundle_bytes = 0

    def admitted(self, entry: Entry, now: float) -> None:
        """Let the entry in."""
        self._bundle.clear()
        self._pieces.admitted(entry, now)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Credit the entry's pieces and make it the most recent of its class."""
        self._bundle.clear()
        self._pieces.hit(entry, plan, now)

    def removed(self, key: int, now: float) -> None:
        """Forget the entry."""
        if self._bundle:
            self._carried_out(key)
        self._pieces.removed(key, now)

    def trimmed(self, entry: Entry, now: float) -> None:
        """Go on without the step latents."""
        if self._bundle:
            self._carried_out(entry.key)
        self._pieces.trimmed(entry, now)

    def short_of(self, short_bytes: int) -> None:
        """Take note of the room to be made."""
        self._short_bytes = short_bytes

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the next piece of the bundle that makes the room at the least loss."""
        short = self._short_bytes
        bundle = self._bundle
        if bundle and self._bundle_bytes == short:
            key = bundle[-1].key
            if key not in pinned:
                return key
        heads = self._pieces.heads(pinned)
        price, _, _, piece = min(heads)
        enough = piece.freed_bytes >= short
        bundle = [piece] if enough else self._least_loss(heads, price, pinned)
        self._bundle, self._bundle_bytes = bundle, short
        return bundle[-1].key

    def _least_loss(
        self, heads: list[pieces.Head], price: float, pinned: Container[int]
    ) -> list[Piece]:
        """Return the cheaper of two bundles, the next to leave last; it uses up ``heads``.

        One piece large enough alone, or the cheapest per byte without those in excess. ``price`` is
        that of the cheapest.
        """
        short, next_tick = self._short_bytes, self._pieces.clock + 1
        alone, least = heads[0][3], math.inf
        for _, _, rate, piece in heads:
            freed = piece.freed_bytes
            if freed >= short:
                loss = rate / (next_tick - piece.unused_since) - price * (freed - short)
                if loss < least:
                    alone, least = piece, loss
        heapq.heapify(heads)
        taken: list[pieces.Head] = []
        total = 0
        while heads:
            head = heads[0]
            taken.append(head)
            _, place, rate, piece = head
            total += piece.freed_bytes
            if total >= short:
                break
            following = piece.next_free(pinned)
            if following is None:
                heapq.heappop(heads)
            else:
                rate = self._pieces.rate_of(following)
                value = rate / (next_tick - following.unused_since)
                heapq.heapreplace(heads, (value / following.freed_bytes, place, rate, following))
        kept, loss = [], 0.0
        for _, _, rate, piece in reversed(taken):
            if total - piece.freed_bytes >= short:
                total -= piece.freed_bytes
            else:
                kept.append(piece)
                loss += rate / (next_tick - piece.unused_since)
        return [alone] if least < loss - price * (total - short) else kept

    def _carried_out(self, key: int) -> None:
        """Go on with the bundle if the piece that left is its next one; give it up if not."""
        bundle = self._bundle
        if bundle[-1].key == key:
            self._bundle_bytes -= bundle.pop().freed_bytes
        else:
            bundle.clear()
