"""Shuffle sessions: whole sessions change places, and stay what they are inside.

A session takes the instants of another one of the same length, so its order, its gaps' law and the
load of every hour stay. What is lost is the time between sessions: returning users, ideas of the
day. A session with a length of its own stays where it is.
"""

import numpy as np

from chorus_traces.errors import TraceError
from chorus_traces.trace import Trace
from chorus_traces.what_if.shuffle import reordered
from chorus_traces.what_if.visit import visits_of


def shuffle_sessions(trace: Trace, generator: np.random.Generator) -> Trace:
    """Return the trace with sessions of equal length in each other's places.

    Raises ``TraceError`` where no request names its user: sessions are then unknown.
    """
    if all(request.user is None for request in trace.requests):
        raise TraceError("no request names its user, so sessions are unknown (map the field user)")
    alike: dict[int, list[list[int]]] = {}
    for visit in visits_of(trace):
        alike.setdefault(len(visit), []).append(visit)
    order = np.arange(len(trace))
    for length in sorted(alike):
        visits = alike[length]
        for place, other in enumerate(generator.permutation(len(visits)).tolist()):
            order[visits[place]] = visits[other]
    return reordered(trace, order)
