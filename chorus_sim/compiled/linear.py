"""Linear reuse, compiled; the rule is described in ``chorus_policies.reuse.linear``."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.plan import Plan, Resume
from chorus_policies.reuse import linear as rule_module
from chorus_policies.reuse.linear import Linear
from chorus_policies.similarity import QUANTA, floor_quanta
from chorus_sim.compiled.contract import register
from chorus_sim.compiled.options import FIRST_OF_RULE
from chorus_sim.compiled.residents import resumes_at
from chorus_sim.workload import Workload

NO_NEIGHBOUR = FIRST_OF_RULE
WORDS_DIFFER = FIRST_OF_RULE + 1
DOES_NOT_PAY = FIRST_OF_RULE + 2
_EARLY = FIRST_OF_RULE + 3
_RESUMES = FIRST_OF_RULE + 4
_REFUSALS: tuple[Plan, ...] = (
    rule_module._NO_NEIGHBOUR,  # noqa: SLF001 - the values themselves, not a copy of them
    rule_module._WORDS_DIFFER,  # noqa: SLF001
    rule_module._DOES_NOT_PAY,  # noqa: SLF001
)


class LinearRule(NamedTuple):
    """Steps skipped by class and similarity; option ``_RESUMES + k1`` skips ``k1``."""

    floor: int
    gated: bool
    reject: bool
    break_even: bool
    k1: npt.NDArray[np.int32]


def make(
    reuse: Linear, config: dict[str, Any], workload: Workload, places: list[int]
) -> tuple[LinearRule, list[list[Plan]]]:
    """Return the rule and the plans it can make, for classes with a request at ``places``."""
    least = floor_quanta(reuse.floor())
    rule = LinearRule(
        floor=least,
        gated=config["lexical"] != "off",
        reject=config["lexical"] == "reject",
        break_even=config["break_even"],
        k1=np.zeros((len(places), QUANTA + 1), np.int32),
    )
    plans: list[list[Plan]] = []
    for number, place in enumerate(places):
        steps = workload.queries[place].steps
        for quanta in range(least, QUANTA + 1):
            rule.k1[number, quanta] = reuse._steps(quanta / QUANTA, steps)  # noqa: SLF001
        early = reuse._steps(config["similarity"], steps)  # noqa: SLF001
        plans.append(
            [
                *_REFUSALS,
                Resume(donor=-1, similarity=0.0, k1=early, reason="words differ"),
                *(
                    Resume(donor=-1, similarity=0.0, k1=k1, reason="linear in similarity")
                    for k1 in range(steps + 1)
                ),
            ]
        )
    return rule, plans


def _plan(rule: Any, graph: Any, residents: Any, options: Any, place: Any, class_: Any) -> Any:
    donor, donor_quanta, option, best = -1, 0, -1, 0
    differing = False
    for edge in range(graph.row_start[place], graph.row_start[place + 1]):
        key = graph.neighbour[edge]
        if not residents.resident[key]:
            continue
        quanta = graph.quanta[edge]
        if quanta < rule.floor:
            break
        k1 = rule.k1[class_, quanta]
        if option >= 0 and best >= k1:
            break
        which = _RESUMES + k1
        if rule.gated and graph.words_differ[edge]:
            differing = True
            if rule.reject:
                continue
            which = _EARLY
            k1 = options.k1[class_, _EARLY]
        if k1 > best and resumes_at(residents, key, k1):
            best, donor, donor_quanta, option = k1, key, quanta, which
    if option < 0:
        return WORDS_DIFFER if differing else NO_NEIGHBOUR, -1, 0
    if rule.break_even and not options.pays[class_, option]:
        return DOES_NOT_PAY, -1, 0
    return option, donor, donor_quanta


def _plan_for_one(
    rule: Any, residents: Any, options: Any, edge: Any, graph: Any, class_: Any
) -> Any:
    k1 = rule.k1[class_, graph.quanta[edge]]
    option = _RESUMES + k1
    if rule.gated and graph.words_differ[edge]:
        if rule.reject:
            return WORDS_DIFFER
        option = _EARLY
        k1 = options.k1[class_, _EARLY]
    if k1 <= 0 or not resumes_at(residents, graph.neighbour[edge], k1):
        return NO_NEIGHBOUR
    if rule.break_even and not options.pays[class_, option]:
        return DOES_NOT_PAY
    return option


register(LinearRule, plan=_plan, plan_for_one=_plan_for_one)
