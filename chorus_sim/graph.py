"""The similarity graph: for each request, all earlier ones of its namespace that are similar.

In a simulation every prompt is known beforehand. The best resident donor is then the first resident
neighbour in the request's row. Rows are exact: a blocked float32 product proposes pairs, a float64
dot product rounded to 1e-4 decides. Built once per trace, namespaces and floor; kept memory-mapped
under a content hash.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.similarity import FLOAT32_SLACK, QUANTUM, exact_similarity, floor_quanta

Progress = Callable[[int, int], None]

#: Part of the content hash; a change to what the arrays mean changes it.
_VERSION = "graph/1"

#: Rows of a block; a block of the product takes this times the number of requests times 4 bytes.
_BLOCK_ROWS = 1024

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
    is never compared. Cost: O(sum of squares of namespace sizes * width).
    """
    rows: list[npt.NDArray[np.int32]] = []
    columns: list[npt.NDArray[np.int32]] = []
    values: list[npt.NDArray[np.int16]] = []
    order = np.argsort(namespaces, kind="stable")
    starts = np.flatnonzero(np.diff(namespaces[order], prepend=-2))
    groups = np.split(order, starts[1:]) if len(order) else []
    total = sum(len(group) for group in groups)
    done = 0
    for group in groups:
        if namespaces[group[0]] >= 0 and len(group) > 1:
            vectors = np.ascontiguousarray(embeddings[group])
            for low in range(0, len(group), _BLOCK_ROWS):
                row, column, quanta = _block(vectors, low, floor)
                rows.append(group[row].astype(np.int32))
                columns.append(group[column].astype(np.int32))
                values.append(quanta)
                if progress is not None:
                    progress(done + low, total)
        done += len(group)
    if progress is not None:
        progress(total, total)
    return _compress(len(namespaces), rows, columns, values, floor)


def _block(
    vectors: npt.NDArray[np.float32], low: int, floor: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.int16]]:
    """Return the earlier neighbours of rows ``low`` .. of one namespace: rows, columns, quanta."""
    block = vectors[low : low + _BLOCK_ROWS]
    high = low + len(block)
    product = block @ vectors[:high].T
    flat = np.flatnonzero(product.ravel() >= np.float32(floor - QUANTUM / 2 - FLOAT32_SLACK))
    row, column = np.divmod(flat, high)
    row += low
    earlier = column < row
    row, column = row[earlier], column[earlier]
    quanta = np.empty(len(row), dtype=np.int16)
    for part in range(0, len(row), 65_536):
        piece = slice(part, part + 65_536)
        quanta[piece] = exact_similarity(vectors[row[piece]], vectors[column[piece]])
    kept = quanta >= floor_quanta(floor)
    return row[kept], column[kept], quanta[kept]


def _compress(
    requests: int,
    rows: list[npt.NDArray[np.int32]],
    columns: list[npt.NDArray[np.int32]],
    values: list[npt.NDArray[np.int16]],
    floor: float,
) -> SimilarityGraph:
    row = np.concatenate([np.empty(0, np.int32), *rows])
    column = np.concatenate([np.empty(0, np.int32), *columns])
    quanta = np.concatenate([np.empty(0, np.int16), *values])
    order = np.lexsort((-column, -quanta, row))
    row_start = np.zeros(requests + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=requests), out=row_start[1:])
    return SimilarityGraph(
        row_start=row_start, neighbour=column[order], quanta=quanta[order], floor=floor
    )


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
