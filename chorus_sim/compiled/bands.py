"""Reuse by bands, compiled; the rule is described in ``chorus_policies.reuse.bands``."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chorus_policies.plan import Plan
from chorus_policies.reuse import bands as rule_module
from chorus_policies.reuse.bands import Bands
from chorus_policies.similarity import QUANTA, floor_quanta
from chorus_sim.compiled.contract import register
from chorus_sim.compiled.jit import compiled
from chorus_sim.compiled.options import FIRST_OF_RULE
from chorus_sim.compiled.residents import resumes_at
from chorus_sim.workload import Workload

NO_NEIGHBOUR = FIRST_OF_RULE
NO_WHOLE_STEP = FIRST_OF_RULE + 1
NO_WINDOW = FIRST_OF_RULE + 2
WORDS_DIFFER = FIRST_OF_RULE + 3
DOES_NOT_PAY = FIRST_OF_RULE + 4
_FIRST_BAND = FIRST_OF_RULE + 5
_REFUSALS: tuple[Plan, ...] = (
    rule_module._NO_NEIGHBOUR,  # noqa: SLF001 - the values themselves, not a copy of them
    rule_module._NO_WHOLE_STEP,  # noqa: SLF001
    rule_module._NO_WINDOW,  # noqa: SLF001
    rule_module._WORDS_DIFFER,  # noqa: SLF001
    rule_module._DOES_NOT_PAY,  # noqa: SLF001
)


class BandsRule(NamedTuple):
    """The table of each class: ``row_of`` ``(classes, quanta)``, the rest ``(classes, rows)``.

    Row ``r`` resumes by option ``_FIRST_BAND + 3 r``, uses SRD on step latents by the one after it
    and on renoised ones by the next. ``early`` is the row for donors whose words differ, -1 where
    they are not used.
    """

    floor: int
    gated: bool
    break_even: bool
    row_of: npt.NDArray[np.int8]
    k1: npt.NDArray[np.int32]
    k2: npt.NDArray[np.int32]
    saved_by_srd: npt.NDArray[np.float64]
    bound: npt.NDArray[np.float64]
    early: npt.NDArray[np.int32]


def make(
    reuse: Bands, config: dict[str, Any], workload: Workload, places: list[int]
) -> tuple[BandsRule, list[list[Plan]]]:
    """Return the rule and the plans it can make, for classes with a request at ``places``."""
    tables = [reuse._rows(workload.queries[place]) for place in places]  # noqa: SLF001
    shape = (len(places), 1 + max(len(table) for table, _ in tables))
    rule = BandsRule(
        floor=floor_quanta(reuse.floor()),
        gated=config["lexical"] != "off",
        break_even=config["break_even"],
        row_of=np.full((len(places), QUANTA + 1), -1, np.int8),
        k1=np.zeros(shape, np.int32),
        k2=np.zeros(shape, np.int32),
        saved_by_srd=np.zeros(shape),
        bound=np.zeros(shape),
        early=np.full(len(places), -1, np.int32),
    )
    similarities = np.arange(QUANTA + 1) / QUANTA
    plans: list[list[Plan]] = []
    for number, (table, early) in enumerate(tables):
        listed = [*_REFUSALS]
        rows = [*table] if early is None else [*table, early]
        if early is not None:
            rule.early[number] = len(table)
        for place, row in reversed([*enumerate(table)]):
            rule.row_of[number, similarities >= row.similarity] = place
        for place, row in enumerate(rows):
            rule.k1[number, place], rule.k2[number, place] = row.k1, row.k2
            rule.saved_by_srd[number, place] = row.saved_by_srd
            rule.bound[number, place] = row.bound
            listed += (
                rule_module._plan(-1, 0.0, row, way != "resume", renoised=way == "renoised")  # noqa: SLF001
                for way in ("resume", "stored", "renoised")
            )
        plans.append(listed)
    return rule, plans


def _plan(  # noqa: C901 - it follows Bands.plan line by line
    rule: Any, graph: Any, residents: Any, options: Any, place: Any, class_: Any
) -> Any:
    best = 0.0
    donor, donor_quanta, chosen, regional = -1, 0, -1, False
    refusal = NO_NEIGHBOUR
    for edge in range(graph.row_start[place], graph.row_start[place + 1]):
        key = graph.neighbour[edge]
        if not residents.resident[key]:
            continue
        quanta = graph.quanta[edge]
        if quanta < rule.floor:
            break
        row = rule.row_of[class_, quanta]
        if row < 0:
            if refusal == NO_NEIGHBOUR:
                refusal = NO_WHOLE_STEP
            break
        bound = rule.bound[class_, row]
        if rule.gated and graph.words_differ[edge]:
            refusal = WORDS_DIFFER
            row = rule.early[class_]
            if row < 0:
                continue
        k1, k2 = rule.k1[class_, row], rule.k2[class_, row]
        srd = k2 > k1 and _serves_region(residents, options, key, k1, k2)
        saved = 0.0
        if srd:
            saved = rule.saved_by_srd[class_, row]
        elif resumes_at(residents, key, k1):
            saved = float(k1)
        if saved > best:
            best, donor, donor_quanta, chosen, regional = saved, key, quanta, row, srd
        if best >= bound:
            break
        refusal = NO_WINDOW
    if chosen < 0:
        return refusal, -1, 0
    option = _checked(rule, options, residents, class_, donor, chosen, regional)
    if option == DOES_NOT_PAY:
        return option, -1, 0
    return option, donor, donor_quanta


def _plan_for_one(
    rule: Any, residents: Any, options: Any, edge: Any, graph: Any, class_: Any
) -> Any:
    key = graph.neighbour[edge]
    row = rule.row_of[class_, graph.quanta[edge]]
    if row < 0:
        return NO_WHOLE_STEP
    if rule.gated and graph.words_differ[edge]:
        row = rule.early[class_]
        if row < 0:
            return WORDS_DIFFER
    k1, k2 = rule.k1[class_, row], rule.k2[class_, row]
    srd = k2 > k1 and _serves_region(residents, options, key, k1, k2)
    serves = k1 > 0 and resumes_at(residents, key, k1)
    if not serves and not (srd and rule.saved_by_srd[class_, row] > 0.0):
        return NO_WINDOW
    return _checked(rule, options, residents, class_, key, row, srd)


@compiled
def _serves_region(residents: Any, options: Any, key: int, first: int, last: int) -> bool:
    renoised = options.renoised and residents.finished[key]
    return bool(renoised or _holds(residents, key, first, last))


@compiled
def _holds(residents: Any, key: int, first: int, last: int) -> bool:
    return bool(residents.first_step[key] <= first and last <= residents.last_step[key])


@compiled
def _checked(
    rule: Any, options: Any, residents: Any, class_: int, key: int, row: int, regional: bool
) -> int:
    """Return the option, or full reuse alone, or none: the first that pays."""
    option = resume = _FIRST_BAND + 3 * row
    if regional:
        kept = _holds(residents, key, rule.k1[class_, row], rule.k2[class_, row])
        option = resume + 1 if kept else resume + 2
    if not rule.break_even or options.pays[class_, option]:
        return option
    k1 = rule.k1[class_, row]
    if k1 > 0 and resumes_at(residents, key, k1) and options.pays[class_, resume]:
        return resume
    return DOES_NOT_PAY


register(BandsRule, plan=_plan, plan_for_one=_plan_for_one)
