"""Repetition: how similar the requests of a trace are to those before them.

Products of blocks of rows, so memory stays below 30 MB beyond the embeddings; nothing is
approximate. Only the comparison with *all* earlier requests, quadratic in the length, is made for a
sample of rows in long traces, and ``Repetition.measured`` says how many.
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_traces.trace import FloatMatrix

Ints = npt.NDArray[np.int64]

#: Cosine thresholds that are reported; a *hit* is an earlier request at ``HIT`` or above.
THRESHOLDS = (0.65, 0.75, 0.8, 0.85, 0.9, 0.95)
HIT = 0.8
#: Requests back that are reported within a thread.
DISTANCES = (1, 2, 5, 10, 20)
#: Lags, in requests, within which the share of hits is reported.
LAGS = (1, 10, 100, 1_000)
#: Length of the recent history.
RECENT = 100
#: Beyond this many requests, all-earlier figures come from ``SAMPLE`` rows drawn evenly.
EXACT_LIMIT = 20_000
SAMPLE = 5_000

_ROWS = 512
_COLUMNS = 4_096
#: Cosines closer than this are equal (float32 and float16 storage); the most recent one counts.
_TIE = 5e-4
#: Prompts above this are the same text up to rounding.
_SAME = 0.9995


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """Similarity of requests to earlier ones.

    ``recent`` and ``earlier`` map a threshold to P(max cosine >= threshold) over the last 100 and
    over all earlier requests. ``best_lags`` (lag -> share of hits within it) is of the most similar
    earlier request, the most recent of equals; ``nearest_lags`` and ``nearest_lag_median`` are of
    the most recent earlier request at ``HIT`` or above. ``own_session`` is the share of hits whose
    nearest is of the same session, ``None`` without users. ``thread_cosine`` maps requests
    back to the median cosine within a thread; ``steps`` holds the shares of consecutive requests
    of a thread that are identical, above .95, in .90-.95, in .80-.90, and below.
    """

    embedder: str | None
    measured: int
    recent: dict[float, float]
    earlier: dict[float, float]
    hits: int
    best_lags: dict[int, float] | None
    nearest_lags: dict[int, float] | None
    nearest_lag_median: float | None
    own_session: float | None
    thread_cosine: dict[int, float] | None
    steps: tuple[float, float, float, float, float] | None


class _Best(NamedTuple):
    cosine: npt.NDArray[np.float32]
    row: Ints
    nearest: Ints


def measure_repetition(
    embeddings: FloatMatrix,
    *,
    embedder: str | None,
    sessions: Ints | None,
    threads: Ints | None,
) -> Repetition:
    """Return the repetition of a trace from its ``(requests, width)`` embeddings of length 1.

    ``sessions`` and ``threads`` number the group of each request, shape ``(requests,)``.
    """
    count = len(embeddings)
    rows = np.arange(count)
    if count > EXACT_LIMIT:
        rows = np.unique(np.linspace(0, count - 1, SAMPLE).astype(np.int64))
    best = _best_earlier(embeddings, rows)
    recent = _best_recent(embeddings)
    hit = best.cosine >= HIT
    nearest = best.nearest[hit]
    own = None
    if sessions is not None and hit.any():
        own = float((sessions[rows[hit]] == sessions[nearest]).mean())
    return Repetition(
        embedder=embedder,
        measured=len(rows),
        recent={tau: float((recent >= tau).mean()) for tau in THRESHOLDS},
        earlier={tau: float((best.cosine >= tau).mean()) for tau in THRESHOLDS},
        hits=int(hit.sum()),
        best_lags=_within(rows[hit] - best.row[hit]),
        nearest_lags=_within(rows[hit] - nearest),
        nearest_lag_median=float(np.median(rows[hit] - nearest)) if hit.any() else None,
        own_session=own,
        thread_cosine=None if threads is None else _by_distance(embeddings, threads),
        steps=None if threads is None else _step_kinds(embeddings, threads),
    )


def _best_earlier(embeddings: FloatMatrix, rows: Ints) -> _Best:
    """Return the best earlier cosine (-1: none) of sorted ``rows``, its row, the latest hit's."""
    cosine = np.full(len(rows), -1.0, np.float32)
    found, recent = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        best, where = cosine[start : start + _ROWS], found[start : start + _ROWS]
        nearest, queries = recent[start : start + _ROWS], embeddings[block]
        for left in range(0, int(block[-1]), _COLUMNS):
            right = min(left + _COLUMNS, int(block[-1]))
            products = queries @ embeddings[left:right].T
            if right > block[0]:
                products[np.arange(left, right)[None, :] >= block[:, None]] = -1.0
            top = products.max(axis=1)
            better = np.flatnonzero((top >= best - _TIE) & (top > -1.0))
            near = products[better] >= (np.maximum(top, best)[better] - _TIE)[:, None]
            where[better] = right - 1 - np.argmax(near[:, ::-1], axis=1)
            np.maximum(best, top, out=best)
            hit = np.flatnonzero(top >= HIT)
            nearest[hit] = right - 1 - np.argmax(products[hit, ::-1] >= HIT, axis=1)
    return _Best(cosine, found, recent)


def _within(lags: Ints) -> dict[int, float] | None:
    return {limit: float((lags <= limit).mean()) for limit in LAGS} if len(lags) else None


def _best_recent(embeddings: FloatMatrix) -> npt.NDArray[np.float32]:
    """Return for each request the best cosine to the ``RECENT`` before it (-1: none)."""
    best = np.full(len(embeddings), -1.0, np.float32)
    for start in range(0, len(embeddings), _ROWS):
        stop = min(start + _ROWS, len(embeddings))
        left = max(start - RECENT, 0)
        products = embeddings[start:stop] @ embeddings[left:stop].T
        lag = np.arange(start, stop)[:, None] - np.arange(left, stop)[None, :]
        products[(lag < 1) | (lag > RECENT)] = -1.0
        best[start:stop] = products.max(axis=1)
    return best


def _pairs(threads: Ints, distance: int) -> tuple[Ints, Ints]:
    """Return the rows (later, earlier) that lie ``distance`` requests apart in one thread."""
    order = np.argsort(threads, kind="stable")
    later, earlier = order[distance:], order[:-distance]
    same = threads[later] == threads[earlier]
    return later[same], earlier[same]


def _cosines(embeddings: FloatMatrix, pairs: tuple[Ints, Ints]) -> npt.NDArray[np.float32]:
    later, earlier = pairs
    parts = [
        np.einsum(
            "ij,ij->i", embeddings[later[at : at + 8192]], embeddings[earlier[at : at + 8192]]
        )
        for at in range(0, len(later), 8192)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _by_distance(embeddings: FloatMatrix, threads: Ints) -> dict[int, float]:
    medians: dict[int, float] = {}
    for distance in DISTANCES:
        cosines = _cosines(embeddings, _pairs(threads, distance))
        if len(cosines):
            medians[distance] = float(np.median(cosines))
    return medians


def _step_kinds(
    embeddings: FloatMatrix, threads: Ints
) -> tuple[float, float, float, float, float] | None:
    cosines = _cosines(embeddings, _pairs(threads, 1))
    if not len(cosines):
        return None
    same, small, middle, large = (
        float((cosines > border).mean()) for border in (_SAME, 0.95, 0.9, 0.8)
    )
    return same, small - same, middle - small, large - middle, 1.0 - large
