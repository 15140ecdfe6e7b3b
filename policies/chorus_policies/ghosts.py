"""Ghosts: what left the cache for want of room, kept as an embedding and a few numbers.

A ghost that would have served a request better than the cache did shows what a larger cache would
have saved. Its depth is the bytes that left after it: a cache larger by that much would still hold
it. A ghost used is as good as new, for it would have been refreshed.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import SimilarityIndex


class _Ghost(msgspec.Struct, gc=False):
    """An entry as it was, its query, and how many bytes had left the cache when it did."""

    entry: Entry
    query: Query
    left_bytes: int


class Ghosts:
    """Ghosts in the order they left, the oldest beyond ``depth_bytes`` forgotten.

    Cost per call: O(1) amortised, apart from the index search.
    """

    def __init__(self, index: SimilarityIndex) -> None:
        self._index = index
        self._ghosts: OrderedDict[int, _Ghost] = OrderedDict()
        self._left_bytes = 0

    def add(self, entry: Entry, query: Query, freed_bytes: int, depth_bytes: float) -> None:
        """Remember ``entry`` as it was before ``freed_bytes`` of it left."""
        self._left_bytes += freed_bytes
        if entry.key in self._ghosts:
            return
        self._ghosts[entry.key] = _Ghost(entry, query, self._left_bytes)
        self._index.add(query)
        while self._ghosts:
            key, ghost = next(iter(self._ghosts.items()))
            if self._left_bytes - ghost.left_bytes <= depth_bytes:
                break
            del self._ghosts[key]
            self._index.remove(key)

    def gain_s(
        self, query: Query, floor: float, saving_s: Callable[[Entry, float], float], had_s: float
    ) -> float:
        """Return the seconds the best ghost would have saved beyond ``had_s``, and refresh it."""
        best, key = had_s, -1
        for number, (name, similarity) in enumerate(self._index.neighbours(query, floor)):
            worth = saving_s(self._ghosts[name].entry, similarity)
            if worth > best:
                best, key = worth, name
            if number == 2:
                break
        if key < 0:
            return 0.0
        self._ghosts[key].left_bytes = self._left_bytes
        self._ghosts.move_to_end(key)
        return best - had_s
