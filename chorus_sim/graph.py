"""The similarity graph: for each request, all earlier ones of its namespace that are similar.

In a simulation every prompt is known beforehand. The best resident donor is then the first resident
neighbour in the request's row. Rows are exact: a blocked float32 product proposes pairs, a float64
dot product rounded to 1e-4 decides. Equal vectors are compared once. Built once per trace,
namespaces and floor; kept memory-mapped under a content hash.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.similarity import (
    FLOAT32_SLACK,
    QUANTA,
    QUANTUM,
    exact_similarity,
    floor_quanta,
)
from chorus_traces.errors import EngineError

Progress = Callable[[int, int], None]

#: Part of the content hash; a change to what the arrays mean changes it.
_VERSION = "graph/1"

#: A block of the product: small enough that it is still in the processor's cache when it is read.
_BLOCK_ROWS = 1024
_BLOCK_COLUMNS = 2048

#: An edge is one number that sorts as edges do: row, then falling similarity, then falling request.
_REQUEST_BITS = 24
_QUANTA_BITS = 15
_ROW_SHIFT = _REQUEST_BITS + _QUANTA_BITS
_MOST_REQUESTS = 2**_REQUEST_BITS - 1

_ARRAYS = ("row_start", "neighbour", "quanta")


class SimilarityGraph(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in compressed form: row i is ``neighbour[row_start[i]:row_start[i + 1]]``.

    ``row_start`` has shape ``(requests + 1,)``; ``neighbour`` (request numbers, all smaller than
    the row's own) and ``quanta`` (similarity in 1e-4) have shape ``(edges,)``. A row is sorted by
    similarity, largest first, then by request number, largest first. No edge is below ``floor``.
    """

    row_start: npt.NDArray[np.int64]
    neighbour: npt.NDArray[np.int32]
    quanta: npt.NDArray[np.int16]
    floor: float

    @property
    def edges(self) -> int:
        """Number of pairs at or above the floor."""
        return len(self.neighbour)


def build_graph(
    embeddings: npt.NDArray[np.float32],
    namespaces: npt.NDArray[np.int64],
    floor: float,
    progress: Progress | None = None,
) -> SimilarityGraph:
    """Build the graph of ``embeddings`` ``(requests, width)``, rows of length 1.

    ``namespaces`` has shape ``(requests,)``; only equal numbers are compared, and a negative number
    is never compared. Cost: O(sum of squares of the different vectors of each namespace * width);
    equal vectors are compared once. Raises ``EngineError`` for more than 16 million requests.
    """
    if len(namespaces) > _MOST_REQUESTS:
        raise EngineError(
            f"{len(namespaces)} requests in one graph; at most {_MOST_REQUESTS} are possible "
            "(split the trace by tenant)"
        )
    keys: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    order = np.argsort(namespaces, kind="stable")
    starts = np.flatnonzero(np.diff(namespaces[order], prepend=-2))
    groups = np.split(order, starts[1:]) if len(order) else []
    # Pairs are what takes time; all small groups together are a blink.
    total = sum(len(group) ** 2 for group in groups)
    done = 0
    for group in groups:
        if namespaces[group[0]] >= 0 and len(group) > 1:
            for share, found in _group_edges(embeddings, group, floor):
                keys.append(found)
                if progress is not None:
                    progress(int(done + share * len(group) ** 2), total)
        done += len(group) ** 2
    if progress is not None:
        progress(total, total)
    edges = np.concatenate(keys)
    keys.clear()
    return _compress(len(namespaces), edges, floor)


def _group_edges(
    embeddings: npt.NDArray[np.float32], group: npt.NDArray[np.intp], floor: float
) -> Iterator[tuple[float, npt.NDArray[np.int64]]]:
    """Yield the share done, and the keys of edges, of the requests of one namespace."""
    number, firsts = _different(embeddings, group)
    vectors = embeddings[group[firsts]]
    # The requests of each different vector, as rows of ``group`` one after another.
    requests = group[np.argsort(number, kind="stable")]
    counts = np.bincount(number, minlength=len(firsts))
    starts = np.cumsum(counts) - counts
    many = np.flatnonzero(counts > 1)
    if len(many):
        quanta = exact_similarity(vectors[many], vectors[many])
        same = quanta >= floor_quanta(floor)
        yield 0.0, _expand(many[same], many[same], quanta[same], requests, starts, counts)
    for low in range(0, len(vectors), _BLOCK_ROWS):
        high = min(low + _BLOCK_ROWS, len(vectors))
        for left in range(0, high, _BLOCK_COLUMNS):
            right = min(left + _BLOCK_COLUMNS, high)
            row, column, quanta = _block(vectors, (low, high), (left, right), floor)
            yield (high / len(vectors)) ** 2, _expand(row, column, quanta, requests, starts, counts)


def _different(
    embeddings: npt.NDArray[np.float32], group: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the number of each row's vector, and the row that has each vector first."""
    numbers: dict[bytes, int] = {}
    number = np.empty(len(group), np.intp)
    firsts: list[int] = []
    for row, place in enumerate(group.tolist()):
        digest = hashlib.blake2b(embeddings[place].data, digest_size=16).digest()
        found = number[row] = numbers.setdefault(digest, len(firsts))
        if found == len(firsts):
            firsts.append(row)
    return number, np.array(firsts)


def _block(
    vectors: npt.NDArray[np.float32], rows: tuple[int, int], columns: tuple[int, int], floor: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.int16]]:
    """Return the pairs of a block with column < row that are similar: rows, columns, quanta."""
    (low, high), (left, right) = rows, columns
    product = vectors[low:high] @ vectors[left:right].T
    flat = np.flatnonzero(product.ravel() >= np.float32(floor - QUANTUM / 2 - FLOAT32_SLACK))
    row, column = np.divmod(flat, right - left)
    row += low
    column += left
    if right > low:
        earlier = column < row
        row, column = row[earlier], column[earlier]
    quanta = np.empty(len(row), dtype=np.int16)
    for part in range(0, len(row), 8_192):
        piece = slice(part, part + 8_192)
        quanta[piece] = exact_similarity(vectors[row[piece]], vectors[column[piece]])
    kept = quanta >= floor_quanta(floor)
    return row[kept], column[kept], quanta[kept]


def _expand(
    row: npt.NDArray[np.intp],
    column: npt.NDArray[np.intp],
    quanta: npt.NDArray[np.int16],
    requests: npt.NDArray[np.intp],
    starts: npt.NDArray[np.intp],
    counts: npt.NDArray[np.intp],
) -> npt.NDArray[np.int64]:
    """Return keys of the edges between all requests of each pair of vectors, later to earlier."""
    pairs = counts[row] * counts[column]
    pair = np.repeat(np.arange(len(row)), pairs)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    of_row, of_column = np.divmod(place, counts[column][pair])
    one = requests[starts[row][pair] + of_row]
    other = requests[starts[column][pair] + of_column]
    if len(row) and row[0] == column[0]:
        kept = one > other  # a vector with itself: each pair of its requests once
        pair, one, other = pair[kept], one[kept], other[kept]
    later, earlier = np.maximum(one, other), np.minimum(one, other)
    keys: npt.NDArray[np.int64] = (
        (later << _ROW_SHIFT)
        | ((QUANTA - quanta[pair].astype(np.int64)) << _REQUEST_BITS)
        | (_MOST_REQUESTS - earlier)
    )
    return keys


def _compress(requests: int, keys: npt.NDArray[np.int64], floor: float) -> SimilarityGraph:
    """Return the graph of edges given as keys, which sort as its rows do."""
    keys.sort()
    row_start = np.zeros(requests + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys >> _ROW_SHIFT, minlength=requests), out=row_start[1:])
    neighbour = (_MOST_REQUESTS - (keys & (2**_REQUEST_BITS - 1))).astype(np.int32)
    keys >>= _REQUEST_BITS
    keys &= 2**_QUANTA_BITS - 1
    quanta = (QUANTA - keys).astype(np.int16)
    return SimilarityGraph(row_start=row_start, neighbour=neighbour, quanta=quanta, floor=floor)


def cached_graph(
    embeddings: npt.NDArray[np.float32],
    namespaces: npt.NDArray[np.int64],
    floor: float,
    folder: Path,
    progress: Progress | None = None,
) -> SimilarityGraph:
    """Return the graph from ``folder``, memory-mapped, building and keeping it the first time."""
    digest = hashlib.sha256(f"{_VERSION}/{floor!r}/{embeddings.shape}".encode())
    digest.update(np.ascontiguousarray(embeddings).data)
    digest.update(np.ascontiguousarray(namespaces).data)
    home = folder / f"graph-{digest.hexdigest()[:32]}"
    if not home.is_dir():
        _keep(build_graph(embeddings, namespaces, floor, progress), home)
    arrays = {name: np.load(home / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
    return SimilarityGraph(floor=floor, **arrays)


def _keep(graph: SimilarityGraph, home: Path) -> None:
    """Write the arrays beside ``home`` and rename: a reader sees all of them or none."""
    home.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=home.parent))
    try:
        for name in _ARRAYS:
            np.save(partial / f"{name}.npy", getattr(graph, name))
        partial.replace(home)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not home.is_dir():  # another run may have kept the same graph meanwhile
            raise
