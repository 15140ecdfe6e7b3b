"""Preload: a part of a trace, or another trace, fills the cache before the window begins.

The part is marked in its requests, so that the mark travels with the trace. A simulator gives a
marked request no worker and no queue: it is served elsewhere, its result is stored when it is
finished, and it counts in no number.
"""

from itertools import takewhile

import msgspec
import numpy as np

from chorus_traces.errors import TraceError
from chorus_traces.request import Request
from chorus_traces.trace import Trace

#: Extra field of a request that only fills the cache.
PRELOAD_FIELD = "preload"


def preload(trace: Trace, part: float | Trace) -> Trace:
    """Return ``trace`` with the first ``part`` of its requests, or another trace, as preload.

    Another trace comes before it: its last request arrives when the first of ``trace`` does, and
    its ids get ``preload:`` in front. Both must carry embeddings by the same model or none.

    Raises ``TraceError`` where nothing would be left to measure, or the embeddings differ.
    """
    if isinstance(part, Trace):
        return _after(part, trace)
    count = int(part * len(trace))
    if count >= len(trace):
        raise TraceError(f"{trace.name}: preload takes all {count} requests; leave some to measure")
    requests = (*map(_marked, trace.requests[:count]), *trace.requests[count:])
    return Trace(
        name=trace.name,
        requests=requests,
        embeddings=trace.embeddings,
        embedder=trace.embedder,
    )


def preloaded_requests(trace: Trace) -> int:
    """Return how many leading requests only fill the cache."""
    return sum(1 for _ in takewhile(lambda request: _is_marked(request), trace.requests))


def _after(before: Trace, trace: Trace) -> Trace:
    if before.embedder != trace.embedder or (before.embeddings is None) != (
        trace.embeddings is None
    ):
        raise TraceError(
            f"{before.name}: preload is embedded by {before.embedder or 'nothing'}, "
            f"{trace.name} by {trace.embedder or 'nothing'}; embed both with one model"
        )
    shift = before.requests[-1].arrival_s - before.requests[0].arrival_s
    first = before.requests[0].arrival_s
    start = trace.requests[0].arrival_s
    requests = (
        *(
            msgspec.structs.replace(
                _marked(request),
                id=f"{PRELOAD_FIELD}:{request.id}",
                arrival_s=request.arrival_s - first,
            )
            for request in before.requests
        ),
        *(
            msgspec.structs.replace(request, arrival_s=request.arrival_s - start + shift)
            for request in trace.requests
        ),
    )
    embeddings = None
    if before.embeddings is not None and trace.embeddings is not None:
        embeddings = np.concatenate([before.embeddings, trace.embeddings])
    return Trace(
        name=f"{trace.name} after {before.name}",
        requests=requests,
        embeddings=embeddings,
        embedder=trace.embedder,
    )


def _marked(request: Request) -> Request:
    return msgspec.structs.replace(request, extra=request.extra | {PRELOAD_FIELD: True})


def _is_marked(request: Request) -> bool:
    return request.extra.get(PRELOAD_FIELD) is True
