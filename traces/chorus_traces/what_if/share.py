"""Share: a part of the sessions ask what a session of another user asked.

This raises reuse between strangers. The words are taken over as they are, so it is the most that
so many people with common ideas can bring; people who mean the same thing word it differently.
Instants, users, tenants and seeds stay; prompts, inputs and clip shapes come from the other
session. Which of the two comes first is left to their instants.
"""

from bisect import bisect_left

import msgspec
import numpy as np

from chorus_traces.request import Request
from chorus_traces.trace import Trace
from chorus_traces.what_if.visit import visits_of

#: What stays with the one who asks.
_KEPT = ("id", "arrival_s", "user", "tenant", "seed")

#: Draws until a session of another user is met; one fails where a user holds nearly all of them.
_TRIES = 16


def share(trace: Trace, part: float, generator: np.random.Generator) -> Trace:
    """Return the trace in which ``part`` of the sessions repeat a session of another user.

    The other session belongs to the same tenant and is at least as long; a session for which
    none is met in a few draws stays as it is.
    """
    visits = visits_of(trace)
    by_tenant: dict[str | None, list[list[int]]] = {}
    for visit in visits:
        by_tenant.setdefault(trace.requests[visit[0]].tenant, []).append(visit)
    for others in by_tenant.values():
        others.sort(key=len)
    order = np.arange(len(trace))
    for visit in visits:
        drawn, *tries = generator.random(1 + _TRIES)
        if drawn >= part:
            continue
        others = by_tenant[trace.requests[visit[0]].tenant]
        least = bisect_left(others, len(visit), key=len)
        for chosen in tries:
            source = others[least + int(chosen * (len(others) - least))]
            if not _same_user(trace, source, visit):
                order[visit] = source[: len(visit)]
                break
    requests = tuple(
        slot if place == source else _asks(slot, trace.requests[source])
        for place, (slot, source) in enumerate(zip(trace.requests, order.tolist(), strict=True))
    )
    return Trace(
        name=trace.name,
        requests=requests,
        embeddings=None if trace.embeddings is None else trace.embeddings[order],
        embedder=trace.embedder,
    )


def _same_user(trace: Trace, one: list[int], other: list[int]) -> bool:
    if one[0] == other[0]:
        return True
    user = trace.requests[one[0]].user
    return user is not None and user == trace.requests[other[0]].user


def _asks(slot: Request, source: Request) -> Request:
    """Return ``source`` as asked by the one, and at the instant, of ``slot``."""
    return msgspec.structs.replace(source, **{name: getattr(slot, name) for name in _KEPT})
