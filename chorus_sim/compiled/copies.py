"""Answer a request with the stored result of an identical one."""

from typing import Any

from chorus_policies.similarity import QUANTA
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import COPIED, COPY
from chorus_sim.compiled.residents import release, reuse


@compiled
def copied(
    requests: Any,
    options: Any,
    eviction: Any,
    residents: Any,
    answers: Any,
    place: int,
    now: float,
    cached: bool,
) -> bool:
    """Answer ``place`` with the result of an identical request; tell whether there is one."""
    donor = residents.newest[requests.identity_of[place]]
    if not cached or donor < 0:
        return False
    reuse(residents, eviction, donor, COPIED)
    answer_copy(requests, options, answers, place, donor, now, -1)
    release(residents, donor)
    return True


@compiled
def answer_copy(
    requests: Any, options: Any, answers: Any, place: int, donor: int, now: float, worker: int
) -> float:
    """Record a copy and return its service time; ``worker`` -1 answers it on arrival."""
    load_s = options.load_s[requests.class_of[place], COPY]
    service_s = requests.copying[place] + load_s
    answers.start[place] = now
    answers.finish[place] = now + service_s
    answers.held[place] = 0.0 if worker < 0 else service_s
    answers.worker[place] = worker
    answers.option[place] = COPY
    answers.donor[place] = donor
    answers.quanta[place] = QUANTA
    answers.load_s[place] = load_s
    return float(service_s)
