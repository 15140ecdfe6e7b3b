"""Sends the chains of a timeline and writes what came back, request by request."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chorus_runtime.clock import Clock
from chorus_runtime.replay.sent import Sent
from chorus_runtime.replay.timeline import Departure
from chorus_traces.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; ``status`` is 0 where nothing did."""

    status: int
    server_id: str = ""
    kind: str = ""
    error: str = ""


#: Sends one request and waits for its answer; it raises nothing.
Send = Callable[[Request], Awaitable[Reply]]


async def drive(
    chains: Sequence[Sequence[Departure]],
    send: Send,
    note: Callable[[Sent], None],
    *,
    warm_up: int = 0,
) -> None:
    """Send every request when its turn comes; ``note`` gets each as soon as it is answered.

    The first ``warm_up`` requests of the trace are marked. Cancelling it ends what is under way;
    what was noted stays.
    """
    clock = Clock()

    async def go(chain: Sequence[Departure]) -> None:
        planned = 0.0
        for departure in chain:
            planned += departure.wait_s
            await asyncio.sleep(max(0.0, planned - clock.now()))
            sent = clock.now()
            reply = await send(departure.request)
            answered = clock.now()
            note(
                Sent(
                    id=departure.request.id,
                    planned_s=planned,
                    sent_s=sent,
                    answered_s=answered,
                    status=reply.status,
                    server_id=reply.server_id,
                    kind=reply.kind,
                    error=reply.error,
                    warm_up=departure.number < warm_up,
                )
            )
            planned = answered

    async with asyncio.TaskGroup() as group:
        for chain in chains:
            group.create_task(go(chain))
