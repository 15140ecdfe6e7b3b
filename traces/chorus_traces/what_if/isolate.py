"""Isolate: a part of the users have ideas nobody else has.

This lowers reuse between strangers. Their requests keep instants, words and similarity to each
other, but get a namespace of their own, as copies of users do in ``rate_scale``: they find what
they left themselves and nothing else, and leave nothing for others.
"""

import msgspec
import numpy as np

from chorus_traces.rate_scale import REPLICA_FIELD
from chorus_traces.request import Request
from chorus_traces.trace import Trace


def isolate(trace: Trace, part: float, generator: np.random.Generator) -> Trace:
    """Return the trace in which ``part`` of the users reuse only what is their own.

    A request without a user is a user of its own. Embeddings stay.
    """
    users = dict.fromkeys(request.user or request.id for request in trace.requests)
    alone = {user for user in users if generator.random() < part}
    requests = tuple(
        _apart(request) if (request.user or request.id) in alone else request
        for request in trace.requests
    )
    return Trace(
        name=trace.name,
        requests=requests,
        embeddings=trace.embeddings,
        embedder=trace.embedder,
    )


def _apart(request: Request) -> Request:
    before = request.extra.get(REPLICA_FIELD, 0)
    space = f"{before}/{request.user or request.id}"
    return msgspec.structs.replace(request, extra=request.extra | {REPLICA_FIELD: space})
