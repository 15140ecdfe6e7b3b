"""The event loop: the model of ``chorus_sim.model``, event for event, without its objects.

An actor is a worker or the source of requests. Events that fall on one instant run in the order in
which SimPy would have scheduled them; sums of seconds are formed in the order ``Model`` forms them.
So every start, finish and donor is that of SimPy.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.copies import copied
from chorus_sim.compiled.heap import pop, push
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.line import joined, land
from chorus_sim.compiled.residents import finish, publish, release, store
from chorus_sim.compiled.start import LED, PUBLISHES, READ, WOKEN, later_s, start


class Fleet(NamedTuple):
    """The actors: the workers, and the source of requests as the last; one place for each.

    ``instant`` and ``order`` are those of the pending event, ``pending`` the heap over them.
    ``idle`` are the numbers of the idle workers, the one to wake next last.
    """

    instant: npt.NDArray[np.float64]
    order: npt.NDArray[np.int64]
    pending: npt.NDArray[np.int32]
    waits_for: npt.NDArray[np.int8]
    serving: npt.NDArray[np.int32]
    cost_s: npt.NDArray[np.float64]
    idle: npt.NDArray[np.int32]


def idle_fleet(gpus: int) -> Fleet:
    """Return workers that have nothing to do yet."""
    return Fleet(
        instant=np.zeros(gpus + 1),
        order=np.zeros(gpus + 1, np.int64),
        pending=np.zeros(gpus + 1, np.int32),
        waits_for=np.zeros(gpus, np.int8),
        serving=np.zeros(gpus, np.int32),
        cost_s=np.zeros(gpus),
        idle=np.arange(gpus, dtype=np.int32),
    )


@compiled
def serve(  # noqa: C901 - the whole model is one loop over shared state
    requests: Any,
    options: Any,
    graph: Any,
    rule: Any,
    eviction: Any,
    residents: Any,
    answers: Any,
    line: Any,
    fleet: Any,
    capacity: int,
    cached: bool,
) -> None:
    """Serve every request on the workers of ``fleet``, first come, first served."""
    count, gpus = len(requests.arrival), len(fleet.idle)
    source = gpus
    instant, order, pending = fleet.instant, fleet.order, fleet.pending
    waits_for, serving, cost_s, idle = fleet.waits_for, fleet.serving, fleet.cost_s, fleet.idle
    events, scheduled, free, head, tail, arriving = 0, 0, gpus, count, count, 0
    now, due, actor = 0.0, False, source
    while True:
        woken = 0
        if actor != source and waits_for[actor] >= PUBLISHES:
            place = serving[actor]
            option = answers.option[place]
            if publish(residents, options, requests, capacity, place, option):
                store(
                    residents,
                    eviction,
                    options,
                    requests,
                    capacity,
                    place,
                    option,
                    answers.donor[place],
                    answers.quanta[place],
                    cost_s[actor],
                    False,
                )
            waits_for[actor] -= PUBLISHES
            instant[actor] = now + later_s(requests, options, place, answers.option[place])
            order[actor] = scheduled
            scheduled += 1
            events = push(pending, events, instant, order, actor)
            actor = pop(pending, events, instant, order)
            events -= 1
            now = instant[actor]
            continue
        if actor == source:
            while arriving < count:
                place = arriving
                if not due and requests.arrival[place] > now:
                    break
                due = False
                arriving += 1
                answers.arrival[place] = now
                if requests.identity_of[place] >= 0 and (
                    copied(requests, options, eviction, residents, answers, place, now, cached)
                    or joined(requests, line, place)
                ):
                    continue
                line.queue[tail] = place
                tail += 1
                woken = min(woken + 1, free)
        elif waits_for[actor] != WOKEN:
            place = serving[actor]
            donor = answers.donor[place]
            if donor >= 0:
                release(residents, donor)
            option = answers.option[place]
            if cached and residents.published[place]:
                finish(residents, eviction, options, requests, place, option)
            elif waits_for[actor] != READ and cached and requests.known[place]:
                store(
                    residents,
                    eviction,
                    options,
                    requests,
                    capacity,
                    place,
                    option,
                    donor,
                    answers.quanta[place],
                    cost_s[actor],
                    True,
                )
            if waits_for[actor] == LED:
                back = land(requests, options, eviction, residents, answers, line, place, now, head)
                woken = min(head - back, free)
                head = back
        for _ in range(woken):
            free -= 1
            worker = idle[free]
            waits_for[worker] = WOKEN
            instant[worker] = now
            order[worker] = scheduled
            scheduled += 1
            events = push(pending, events, instant, order, worker)
        if actor == source:
            if arriving < count:
                instant[source] = now + (requests.arrival[arriving] - now)
                order[source] = scheduled
                scheduled += 1
                events = push(pending, events, instant, order, source)
                due = True
        else:
            started = False
            while head < tail and not started:
                place = line.queue[head]
                head += 1
                if requests.identity_of[place] >= 0 and joined(requests, line, place):
                    continue
                started = True
                serving[actor] = place
                waits_for[actor], cost_s[actor] = start(
                    requests,
                    options,
                    graph,
                    rule,
                    eviction,
                    residents,
                    answers,
                    line,
                    place,
                    actor,
                    now,
                    cached,
                )
                held_s = answers.held[place]
                if waits_for[actor] >= PUBLISHES:
                    held_s -= later_s(requests, options, place, answers.option[place])
                instant[actor] = now + held_s
                order[actor] = scheduled
                scheduled += 1
                events = push(pending, events, instant, order, actor)
            if not started:
                idle[free] = actor
                free += 1
        if events == 0:
            break
        actor = pop(pending, events, instant, order)
        events -= 1
        now = instant[actor]
