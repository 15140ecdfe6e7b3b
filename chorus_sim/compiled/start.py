"""Start a request on a worker: look it up, and work out what it takes, as ``Model`` does."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_sim.compiled.contract import plan, watched
from chorus_sim.compiled.copies import answer_copy
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import COPY, FRESH, NO_CACHE, UNKNOWN_NAMESPACE
from chorus_sim.compiled.residents import reuse

#: What a worker's pending event is: it is woken, it finished a run, a run that others may wait for,
#: or reading a copy.
WOKEN, RAN, LED, READ = 0, 1, 2, 3

#: Added to what comes after it: the run reaches the step after which it is published.
PUBLISHES = 8


class GraphColumns(NamedTuple):
    """The similarity graph; ``words_differ`` has shape ``(edges,)``, or none where nobody asks."""

    row_start: npt.NDArray[np.int64]
    neighbour: npt.NDArray[np.int32]
    quanta: npt.NDArray[np.int16]
    words_differ: npt.NDArray[np.bool_]


@compiled
def start(
    requests: Any,
    options: Any,
    graph: Any,
    rule: Any,
    eviction: Any,
    residents: Any,
    answers: Any,
    line: Any,
    place: int,
    worker: int,
    now: float,
    cached: bool,
) -> tuple[int, float]:
    """Look ``place`` up and start it; return what its worker waits for, and the service time."""
    class_ = requests.class_of[place]
    donor, quanta = -1, 0
    if not cached:
        option = NO_CACHE
    elif not requests.known[place]:
        option = UNKNOWN_NAMESPACE
    else:
        identity = requests.identity_of[place]
        if identity >= 0 and residents.newest[identity] >= 0:
            option, donor = COPY, residents.newest[identity]
        else:
            option, donor, quanta = plan(rule, graph, residents, options, place, class_)
        watched(eviction, rule, graph, residents, options, place, class_, option, donor)
        if donor >= 0:
            reuse(residents, eviction, donor, options.kind[class_, option])
    if option == COPY:
        return READ, answer_copy(requests, options, answers, place, donor, now, worker)
    load_s = options.load_s[class_, option]
    regional = 1.0 + options.srd_share[class_, option] * (requests.region[place] - 1.0)
    denoise_s = options.denoise_s[class_, option] * requests.spread[place] * regional
    service_s = requests.before[place] + load_s + denoise_s + requests.after[place]
    answers.start[place] = now
    answers.finish[place] = now + service_s
    answers.held[place] = service_s + options.store_s[class_, option]
    answers.worker[place] = worker
    answers.option[place] = option
    answers.donor[place] = donor
    answers.quanta[place] = quanta
    answers.load_s[place] = load_s
    answers.denoise_s[place] = denoise_s
    first = PUBLISHES if cached and options.publishes[class_, option] else 0
    identity = requests.identity_of[place]
    if cached and identity >= 0 and options.kind[class_, option] == FRESH:
        line.flying[identity] = True
        return first + LED, service_s
    return first + RAN, service_s


@compiled
def later_s(requests: Any, options: Any, place: int, option: int) -> float:
    """Return the seconds from publishing a run to its end."""
    class_ = requests.class_of[place]
    steps_s = options.later_steps_s[class_, option] * requests.spread[place]
    return float(steps_s + (requests.after[place] + options.store_s[class_, option]))
