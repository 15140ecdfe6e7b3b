"""Visits: which requests are one user's session."""

from chorus_traces.describe import SESSION_IDLE_S
from chorus_traces.trace import Trace


def visits_of(trace: Trace) -> list[list[int]]:
    """Return the sessions of a trace as places of their requests, in order of their first request.

    A session is a user's requests no further apart than ``SESSION_IDLE_S``, as ``describe`` counts
    them. A request without a user is a session of its own.
    """
    visits: list[list[int]] = []
    latest: dict[str, list[int]] = {}
    for place, request in enumerate(trace.requests):
        visit = None if request.user is None else latest.get(request.user)
        if (
            visit is None
            or request.arrival_s - trace.requests[visit[-1]].arrival_s > SESSION_IDLE_S
        ):
            visit = []
            visits.append(visit)
            if request.user is not None:
                latest[request.user] = visit
        visit.append(place)
    return visits
