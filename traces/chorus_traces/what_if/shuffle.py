"""Shuffle: every request at another request's instant. What is left is popularity alone.

Who asks for what how often stays as it is; when they ask loses all meaning, so the order within a
session and the nearness of its requests are gone. The difference to the trace is what a cache owes
to time.
"""

import msgspec
import numpy as np

from chorus_traces.trace import Trace


def shuffle(trace: Trace, generator: np.random.Generator) -> Trace:
    """Return the trace with its requests in random order over the same arrival instants."""
    return reordered(trace, generator.permutation(len(trace)))


def reordered(trace: Trace, order: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Trace:
    """Return the trace whose n-th instant brings request ``order[n]``, embedding included."""
    requests = tuple(
        msgspec.structs.replace(trace.requests[place], arrival_s=slot.arrival_s)
        for slot, place in zip(trace.requests, order.tolist(), strict=True)
    )
    return Trace(
        name=trace.name,
        requests=requests,
        embeddings=None if trace.embeddings is None else trace.embeddings[order],
        embedder=trace.embedder,
    )
