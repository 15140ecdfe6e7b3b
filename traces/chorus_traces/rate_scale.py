"""More or fewer users with the same habits: the rate changes, sessions are never compressed."""

import hashlib
import math

import msgspec
import numpy as np

from chorus_traces.errors import TraceError
from chorus_traces.request import Request
from chorus_traces.trace import Trace

#: Extra field of an added user's requests. It is part of the namespace: an added user is a copy of
#: a real one, and finding their own words in the cache would flatter it.
REPLICA_FIELD = "replica"

#: Added sessions start up to this many seconds before or after the one they copy: near enough to
#: keep the daily cycle, far enough not to double every burst.
JITTER_S = 1800.0


def scale_rate(trace: Trace, factor: float, seed: int) -> Trace:
    """Return the trace with ``factor`` times its users.

    Below 1, whole sessions (requests of one ``user``; of one request where there is none) are left
    out at random. Above 1, copies of sessions are added: same hours, same gaps, same prompts, start
    shifted by up to half an hour. Copies reuse nothing from the sessions they copy, only what
    other copies of the same round left; so hits between strangers are understated, never
    overstated. Embeddings follow their requests.

    Raises ``TraceError`` when nothing is left.
    """
    if factor == 1:
        return trace
    rows: list[tuple[float, int, int]] = []
    for round_number in range(math.ceil(factor)):
        share = min(1.0, factor - round_number)
        for place, request in enumerate(trace.requests):
            session = request.user or request.id
            if _chance(seed, round_number, "keep", session) >= share:
                continue
            shift = 0.0
            if round_number:
                shift = (2 * _chance(seed, round_number, "shift", session) - 1) * JITTER_S
            rows.append((request.arrival_s + shift, round_number, place))
    if not rows:
        raise TraceError(f"{trace.name}: rate_scale {factor} leaves no request; give a larger one")
    rows.sort()
    first = min(0.0, rows[0][0])
    requests = tuple(
        _copied(trace.requests[place], arrival - first, round_number)
        for arrival, round_number, place in rows
    )
    places = np.array([place for _, _, place in rows])
    return Trace(
        name=f"{trace.name} x{factor:g}",
        requests=requests,
        embeddings=None if trace.embeddings is None else trace.embeddings[places],
        embedder=trace.embedder,
    )


def _copied(request: Request, arrival_s: float, round_number: int) -> Request:
    if round_number == 0:
        return msgspec.structs.replace(request, arrival_s=arrival_s)
    before = request.extra.get(REPLICA_FIELD)
    replica = round_number if before is None else f"{round_number}/{before}"
    return msgspec.structs.replace(
        request,
        id=f"{request.id}#{round_number}",
        arrival_s=arrival_s,
        user=None if request.user is None else f"{request.user}#{round_number}",
        extra=request.extra | {REPLICA_FIELD: replica},
    )


def _chance(seed: int, round_number: int, purpose: str, session: str) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    content = f"{seed}/{round_number}/{purpose}/{session}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=7).digest(), "big") / 2**56
