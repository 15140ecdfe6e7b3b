"""Who waits: for a worker, and for an identical run in flight (``chorus_policies.flights``)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.copies import copied
from chorus_sim.compiled.jit import compiled


class Line(NamedTuple):
    """Who waits: for a worker, in ``queue``; for an identical run in flight, in a chain each.

    ``queue`` has room before its middle for requests that come back to the front.
    ``first``, ``last`` and ``flying`` have one place per identity, ``following`` one per request.
    """

    queue: npt.NDArray[np.int32]
    flying: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]


def empty_line(requests: int, identities: int) -> Line:
    """Return a line in which nobody waits."""
    identities = max(1, identities)
    return Line(
        queue=np.empty(2 * requests, np.int32),
        flying=np.zeros(identities, np.bool_),
        first=np.full(identities, -1, np.int32),
        last=np.full(identities, -1, np.int32),
        following=np.full(requests, -1, np.int32),
    )


@compiled
def joined(requests: Any, line: Any, place: int) -> bool:
    """Let ``place`` wait for the run of an identical request, if there is one."""
    identity = requests.identity_of[place]
    if not line.flying[identity]:
        return False
    line.following[place] = -1
    if line.first[identity] < 0:
        line.first[identity] = place
    else:
        line.following[line.last[identity]] = place
    line.last[identity] = place
    return True


@compiled
def land(
    requests: Any,
    options: Any,
    eviction: Any,
    residents: Any,
    answers: Any,
    line: Any,
    place: int,
    now: float,
    head: int,
) -> int:
    """Answer who waited for the run of ``place``; return the queue's new head.

    Who gets no copy goes to the front of the queue, in the order of waiting.
    """
    identity = requests.identity_of[place]
    follower = line.first[identity]
    line.flying[identity] = False
    line.first[identity] = -1
    left = 0
    kept = follower
    chain_end = -1
    while follower >= 0:
        following = line.following[follower]
        if not copied(requests, options, eviction, residents, answers, follower, now, True):
            if left == 0:
                kept = follower
            else:
                line.following[chain_end] = follower
            chain_end = follower
            left += 1
        follower = following
    for number in range(left):
        line.queue[head - left + number] = kept
        kept = line.following[kept]
    return head - left
