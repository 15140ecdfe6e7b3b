"""The live similarity index: one slot matrix per namespace and one matrix product per lookup.

Exact at every size: a float32 product proposes rows, and the quantised float64 product decides, as
in every other path through the code. Cost: O(entries x width) per lookup, O(width) per change.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chorus_policies.entry import Query
from chorus_policies.similarity import (
    FLOAT32_SLACK,
    QUANTA,
    QUANTUM,
    exact_similarity,
    floor_quanta,
)
from chorus_traces.errors import PolicyError, TraceError

_FIRST_ROWS = 64
_FREE = -1

#: A vector whose length is further from 1 than this was not normalised.
_LENGTH_SLACK = 1e-3


class MatrixIndex:
    """Finds resident entries by brute force. Namespaces never see each other's rows."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slots] = {}
        self._namespace_of: dict[int, str] = {}

    def __len__(self) -> int:
        """Return the number of findable entries."""
        return len(self._namespace_of)

    def __contains__(self, key: int) -> bool:
        """Tell whether the entry is findable."""
        return key in self._namespace_of

    def add(self, query: Query) -> None:
        """Make the entry findable.

        Raises ``TraceError`` for an embedding that is missing or not of length 1, and
        ``PolicyError`` for a key that is findable already or has no namespace.
        """
        key, namespace = query.sequence, query.namespace
        if namespace is None or key in self._namespace_of:
            state = "has no namespace" if namespace is None else "is indexed already"
            raise PolicyError(f"index: entry {key} {state}; only a new entry of a known one can be")
        vector = _vector(query)
        slots = self._slots.get(namespace)
        if slots is None:
            slots = self._slots[namespace] = _Slots(vector.shape[0])
        slots.add(key, _fitting(vector, slots.width, query))
        self._namespace_of[key] = namespace

    def remove(self, key: int) -> None:
        """Make the entry unfindable; its row is overwritten by a later one."""
        namespace = self._namespace_of.pop(key)
        slots = self._slots[namespace]
        slots.remove(key)
        if not slots.row_of:
            del self._slots[namespace]

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        """Yield ``(key, similarity)`` >= ``floor``, most similar first, then largest key first.

        Raises ``TraceError`` like ``add``. Nothing is computed before the first value is read.
        """
        slots = None if query.namespace is None else self._slots.get(query.namespace)
        if slots is None:
            return
        keys, quanta = slots.find(_fitting(_vector(query), slots.width, query), floor)
        for place in np.lexsort((-keys, -quanta)).tolist():
            yield int(keys[place]), int(quanta[place]) / QUANTA


class _Slots:
    """The rows of one namespace: a matrix ``(rows, width)`` and the key each row belongs to."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.row_of: dict[int, int] = {}
        self._matrix = np.zeros((_FIRST_ROWS, width), dtype=np.float32)
        self._keys = np.full(_FIRST_ROWS, _FREE, dtype=np.int64)
        self._freed: list[int] = []
        self._used = 0

    def add(self, key: int, vector: npt.NDArray[np.float32]) -> None:
        """Write the vector over a freed row, or into the next one."""
        if self._freed:
            row = self._freed.pop()
        else:
            row = self._used
            if row == len(self._keys):
                self._grow()
            self._used += 1
        self._matrix[row] = vector
        self._keys[row] = key
        self.row_of[key] = row

    def remove(self, key: int) -> None:
        """Free the row."""
        row = self.row_of.pop(key)
        self._keys[row] = _FREE
        self._freed.append(row)

    def find(
        self, vector: npt.NDArray[np.float32], floor: float
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return keys and similarities in quanta, of rows at ``floor`` or above, in any order."""
        keys = self._keys[: self._used]
        proposed = self._matrix[: self._used] @ vector
        # A similarity up to half a quantum below the floor is rounded up to it.
        bound = floor - QUANTUM / 2 - FLOAT32_SLACK
        rows = np.flatnonzero((proposed >= bound) & (keys != _FREE))
        found = self._matrix[rows]
        quanta = exact_similarity(np.broadcast_to(vector, found.shape), found).astype(np.int64)
        kept = quanta >= floor_quanta(floor)
        return keys[rows[kept]], quanta[kept]

    def _grow(self) -> None:
        """Double the rows; a row keeps its number, so every key keeps its row."""
        rows = len(self._keys)
        self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
        self._keys = np.concatenate([self._keys, np.full(rows, _FREE, dtype=np.int64)])


def _vector(query: Query) -> npt.NDArray[np.float32]:
    """Return the embedding of shape ``(width,)``; raise ``TraceError`` if it cannot be compared."""
    if query.embedding is None:
        raise TraceError(f"request {query.sequence}: no embedding; the index needs one of length 1")
    vector = np.asarray(query.embedding, dtype=np.float32)
    if vector.ndim != 1:
        raise TraceError(
            f"request {query.sequence}: embedding has shape {vector.shape}; (width,) is needed"
        )
    length = float(np.linalg.norm(vector))
    if not abs(length - 1) <= _LENGTH_SLACK:
        raise TraceError(
            f"request {query.sequence}: embedding has length {length:g}; 1 is needed (normalise it)"
        )
    return vector


def _fitting(vector: npt.NDArray[np.float32], width: int, query: Query) -> npt.NDArray[np.float32]:
    """Return ``vector``; raise ``TraceError`` if its width is not that of its namespace."""
    if vector.shape[0] != width:
        raise TraceError(
            f"request {query.sequence}: embedding has width {vector.shape[0]}, its namespace "
            f"{width}; embed all requests with one model"
        )
    return vector
