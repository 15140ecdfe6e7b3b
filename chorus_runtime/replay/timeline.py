"""When each request of a trace is to leave: at its instant, or after its user's previous answer."""

from dataclasses import dataclass

from chorus_traces.request import Request
from chorus_traces.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A request and when it leaves.

    ``wait_s`` counts from the beginning of the replay for the first request of a chain, and from
    the answer to the one before it for the others.
    """

    request: Request
    number: int
    wait_s: float


def open_chains(trace: Trace, speed: float) -> list[list[Departure]]:
    """Return one chain a request: each leaves at its own instant, ``speed`` times as fast."""
    first = trace.requests[0].arrival_s
    return [
        [Departure(request=one, number=number, wait_s=(one.arrival_s - first) / speed)]
        for number, one in enumerate(trace.requests)
    ]


def closed_chains(trace: Trace, speed: float) -> list[list[Departure]]:
    """Return one chain a user.

    The first request of a user leaves at its instant; each other one leaves when the one before it
    is answered and the time between the two in the trace, which stands for thinking, has passed. A
    request without a user is a chain of its own.
    """
    first = trace.requests[0].arrival_s
    chains: dict[str, list[Departure]] = {}
    last: dict[str, float] = {}
    for number, one in enumerate(trace.requests):
        user = f"user {one.user}" if one.user is not None else f"request {number}"
        wait = one.arrival_s - last.get(user, first)
        last[user] = one.arrival_s
        chains.setdefault(user, []).append(
            Departure(request=one, number=number, wait_s=wait / speed)
        )
    return list(chains.values())
