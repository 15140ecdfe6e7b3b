"""The similarity index of a simulation: resident flags over the similarity graph."""

from collections.abc import Iterator

from chorus_policies.entry import Query
from chorus_policies.similarity import QUANTA, floor_quanta
from chorus_sim.graph import SimilarityGraph

#: Neighbours read from a row at a time: nearly every lookup ends within the first few.
_FIRST_CHUNK = 16


class GraphIndex:
    """Finds resident neighbours by reading the request's row of the graph.

    Exact for requests looked up in arrival order, as workers that take them first come, first
    served do. Cost per lookup: the part of the row that is read.
    """

    def __init__(self, graph: SimilarityGraph) -> None:
        self._row_start = graph.row_start.tolist()
        # As memoryviews they give plain numbers, in half the time memory-mapped arrays take.
        self._neighbour = graph.neighbour.data
        self._quanta = graph.quanta.data
        self._resident = bytearray(len(self._row_start))

    def add(self, query: Query) -> None:
        """Mark the request's entry as resident."""
        self._resident[query.sequence] = 1

    def remove(self, key: int) -> None:
        """Mark the entry as gone."""
        self._resident[key] = 0

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        """Yield resident neighbours, most similar first, most recent first among equals."""
        low, end = self._row_start[query.sequence], self._row_start[query.sequence + 1]
        if low == end:
            return
        least = floor_quanta(floor)
        resident = self._resident
        size = _FIRST_CHUNK
        while low < end:
            high = min(low + size, end)
            keys = self._neighbour[low:high].tolist()
            for place, key in enumerate(keys):
                if resident[key]:
                    quanta = self._quanta[low + place]
                    if quanta < least:
                        return
                    yield key, quanta / QUANTA
            low = high
            size *= 8
