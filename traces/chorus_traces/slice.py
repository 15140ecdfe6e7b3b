"""A slice of a trace: some of its requests in a row, by number or by instant."""

from dataclasses import replace

import msgspec

from chorus_traces.errors import TraceError
from chorus_traces.trace import Trace


def slice_requests(trace: Trace, first: int, end: int) -> Trace:
    """Return requests ``first`` to ``end`` - 1, counted from 0; the first then arrives at 0.

    Raises ``TraceError`` when there is none.
    """
    if not 0 <= first < end:
        raise TraceError(f"requests {first}:{end}; FIRST:END with 0 <= FIRST < END is needed")
    if first >= len(trace):
        raise TraceError(
            f"{trace.name}: requests {first}:{end} of {len(trace)}; FIRST must be below that"
        )
    kept = trace.requests[first:end]
    origin = kept[0].arrival_s
    moved = tuple(
        msgspec.structs.replace(one, arrival_s=round(one.arrival_s - origin, 9)) for one in kept
    )
    vectors = None if trace.embeddings is None else trace.embeddings[first:end]
    return replace(trace, name=f"{trace.name}[{first}:{end}]", requests=moved, embeddings=vectors)


def slice_window(trace: Trace, start_s: float, end_s: float) -> Trace:
    """Return the requests that arrive from ``start_s`` to before ``end_s``; the first at 0.

    Raises ``TraceError`` when there is none.
    """
    if not 0 <= start_s < end_s:
        raise TraceError(f"window {start_s:g}:{end_s:g}; START:END with 0 <= START < END is needed")
    inside = [place for place, one in enumerate(trace.requests) if start_s <= one.arrival_s < end_s]
    if not inside:
        span = trace.requests[-1].arrival_s
        raise TraceError(
            f"{trace.name}: no request from {start_s:g} to {end_s:g} s; it lasts {span:g} s"
        )
    return slice_requests(trace, inside[0], inside[-1] + 1)
