"""The contract of a reuse part."""

from collections.abc import Callable

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Reuse, Setting
from chorus_policies.plan import Copy, Fresh, Regional, Resume, reused_steps
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.exercise import Exercise, ask, need
from chorus_policies.testing.samples import make_entry, make_query, make_setting, script_chance


def check_reuse(make: Callable[[Setting], Reuse], *, seed: int = 0, rounds: int = 2000) -> Exercise:
    """Check that plans name a neighbour that was shown and can serve; returns the hits."""
    exercise = Exercise()
    chance = script_chance(seed)
    with no_clock_or_global_chance():
        one, other = make(make_setting(seed)), make(make_setting(seed))
        floor = one.floor()
        need(-1 <= floor <= 1, f"floor: {floor}; a similarity in [-1, 1] is needed")
        for sequence in range(rounds):
            query = make_query(sequence, chance.choice((4, 20, 50)))
            lowest = max(round(floor * 10_000), -10_000)
            quanta = [chance.randint(lowest, 10_000) for _ in range(chance.randrange(4))]
            shown = [
                (make_entry(place, chance, query.steps), value / 10_000)
                for place, value in enumerate(sorted(quanta, reverse=True))
            ]
            plan, twin = (
                ask(sequence, part.plan, query, iter(shown), float(sequence))
                for part in (one, other)
            )
            again = ask(sequence, one.plan, query, iter(shown), float(sequence))
            need(plan == again, f"plan: {plan}, then {again} when asked again about one request")
            need(plan == twin, f"plan: {plan}, but {twin} from an instance told and given the same")
            if not isinstance(plan, Fresh):
                _check_plan(plan, query, shown, one.span(query.steps))
                exercise.hits += 1
    need(one.floor() == floor, "floor: changed during the run; the cache reads it once")
    exercise.require(rounds // 20, "hits")
    return exercise


def _check_plan(
    plan: Resume | Regional | Copy,
    query: Query,
    shown: list[tuple[Entry, float]],
    span: tuple[int, int],
) -> None:
    donors = {entry.key: (entry, similarity) for entry, similarity in shown}
    need(not isinstance(plan, Copy), "plan: a Copy; only the cache knows identical requests")
    need(plan.donor in donors, f"plan: donor {plan.donor} was not among the neighbours shown")
    entry, similarity = donors[plan.donor]
    need(
        plan.similarity == similarity, f"plan: similarity {plan.similarity}; {similarity} was shown"
    )
    k1, k2 = reused_steps(plan)
    need(0 <= k1 <= k2 <= query.steps, f"plan: k1 {k1}, k2 {k2} of {query.steps} steps")
    if isinstance(plan, Regional):
        served = entry.renoised and entry.finished if plan.renoised else entry.holds_steps(k1, k2)
        need(served, f"plan: donor {plan.donor} lacks steps {k1} to {k2}")
        need(span[0] <= k1 and k2 <= span[1], f"plan: steps {k1} to {k2} lie outside span {span}")
