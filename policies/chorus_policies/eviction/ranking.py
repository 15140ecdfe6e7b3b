"""Resident entries in order of a number that changes: a heap that tolerates pinned entries.

Policies that evict the smallest of something share it. State per entry: one pair in a map and one
to three rows in the heap. Cost: ``put`` and ``first`` are amortised O(log n), and ``first`` pays
O(log n) once more for each pinned entry it passes over.
"""

import heapq
from collections.abc import Container

#: Rows of the heap that may be out of date, per entry, before it is built anew.
_STALE_PER_ENTRY = 2


class Ranking:
    """Keys by rank, smallest first; among equal ranks the one put first."""

    def __init__(self) -> None:
        self._place: dict[int, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, int]] = []
        self._puts = 0

    def __contains__(self, key: int) -> bool:
        """Tell whether ``key`` is ranked."""
        return key in self._place

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._place)

    def rank(self, key: int) -> float:
        """Return the rank of ``key``."""
        return self._place[key][0]

    def put(self, key: int, rank: float) -> None:
        """Give ``key`` a new rank; it comes last among equals."""
        self._puts += 1
        self._place[key] = (rank, self._puts)
        heapq.heappush(self._heap, (rank, self._puts, key))
        if len(self._heap) > 64 + (1 + _STALE_PER_ENTRY) * len(self._place):
            self._build()

    def remove(self, key: int) -> float:
        """Take ``key`` out and return its rank."""
        return self._place.pop(key)[0]

    def scale(self, factor: float) -> None:
        """Multiply every rank by ``factor`` > 0; the order stays. Cost: O(n)."""
        self._place = {key: (rank * factor, put) for key, (rank, put) in self._place.items()}
        self._build()

    def first(self, pinned: Container[int]) -> int:
        """Return the key of the smallest rank that is not in ``pinned``."""
        heap, passed = self._heap, []
        while True:
            rank, put, key = heap[0]
            if self._place.get(key) != (rank, put):
                heapq.heappop(heap)
            elif key in pinned:
                passed.append(heapq.heappop(heap))
            else:
                break
        for row in passed:
            heapq.heappush(heap, row)
        return key

    def _build(self) -> None:
        self._heap = [(rank, put, key) for key, (rank, put) in self._place.items()]
        heapq.heapify(self._heap)
