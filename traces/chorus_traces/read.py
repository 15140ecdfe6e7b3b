"""Read a trace."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chorus_traces.errors import TraceError
from chorus_traces.parse import Draft, RowParser
from chorus_traces.request import MOST_STEPS, Request
from chorus_traces.rows import RowFile
from chorus_traces.sidecar import attach_beside, attach_embeddings
from chorus_traces.trace import Trace, unit_rows


def read_trace(
    path: Path,
    *,
    field_map: Mapping[str, str] | None = None,
    embeddings: Path | None = None,
) -> Trace:
    """Return the trace in a ``.jsonl``, ``.csv`` or ``.parquet`` file (the first two also packed).

    Rows are read one at a time. ``arrival_s`` is kept as it is; ``timestamp`` is shifted so that
    the first is 0 (``Timestamps`` has the notations). A request without ``id`` is called ``r`` and
    its row number from 1. ``field_map`` maps our names to the file's. A
    prompt must be stated but may be empty.

    Embeddings come from the first of: ``embeddings`` (an ``.npy`` file), a field ``embedding`` in
    every row, ``STEM.embeddings.npy`` beside the trace.

    Raises ``TraceError`` with file and line on everything that does not fit.
    """
    source = RowFile(path)
    parser = RowParser(source, field_map)
    trace = assemble(parser.drafts(), source)
    if embeddings is not None:
        return attach_embeddings(trace, embeddings)
    return trace if trace.embeddings is not None else attach_beside(trace, path)


def row_id(row: int) -> str:
    """Return the id of a request whose ``row``, from 1, states none."""
    return f"r{row:06d}"


def assemble(drafts: Iterable[Draft], source: RowFile, *, from_first: bool = False) -> Trace:
    """Return the trace of ``drafts`` in their order.

    Instants that count from 1970, or all with ``from_first``, are shifted so that the first is 0.
    Raises ``TraceError`` on instants that go back, an id used twice, or uneven embeddings.
    """
    requests: list[Request] = []
    places: dict[str, int] = {}
    vectors: list[npt.NDArray[np.float32]] = []
    origin, before = 0.0, None
    for row, draft in enumerate(drafts, 1):
        where = source.where(draft.number)
        if before is None:
            origin = draft.instant if from_first or draft.from_epoch else 0.0
        elif draft.instant < before.instant:
            raise TraceError(
                f"{where}: {draft.stated} is before {before.stated.split(' ', 1)[1]}; "
                "arrivals must not go back (sort the file)"
            )
        before = draft
        name = draft.values.get("id", row_id(row))
        if name in places:
            raise TraceError(
                f"{where}: id {name!r} is already used at {source.where(places[name])}; "
                "unique ids are needed (rename one or leave the ids out)"
            )
        places[name] = draft.number
        requests.append(_request(name, draft, origin, where))
        _collect(vectors, draft, where, first=row == 1)
    matrix = unit_rows(np.stack(vectors), where=str(source.path)) if vectors else None
    return Trace(name=str(source.path), requests=tuple(requests), embeddings=matrix)


def _request(name: str, draft: Draft, origin: float, where: str) -> Request:
    # Rounded to microseconds: an epoch instant in a float has no digits beyond.
    arrival_s = round(draft.instant - origin, 6) if origin else draft.instant
    steps = draft.values.get("steps", 1)
    if steps > MOST_STEPS:
        raise TraceError(f"{where}: steps is {steps}; at most {MOST_STEPS} are supported")
    try:
        return Request(**{**draft.values, "id": name, "arrival_s": arrival_s})
    except TraceError as error:
        raise TraceError(f"{where}: {error}") from None


def _collect(
    vectors: list[npt.NDArray[np.float32]], draft: Draft, where: str, *, first: bool
) -> None:
    if not first and (draft.embedding is None) != (not vectors):
        state = "no embedding" if draft.embedding is None else "an embedding"
        raise TraceError(f"{where}: {state}, unlike the first row; all rows or none need one")
    if draft.embedding is None:
        return
    if vectors and len(vectors[0]) != len(draft.embedding):
        raise TraceError(
            f"{where}: embedding of width {len(draft.embedding)}; {len(vectors[0])} is needed, "
            "as in the first row"
        )
    vectors.append(draft.embedding)
