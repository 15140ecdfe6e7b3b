"""What is done at each denoising step of a plan. Pure data, counted as the cost model counts it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chorus_policies.plan import Copy, Plan, reused_steps
from chorus_traces.errors import EngineError

StepKind = Literal["skip", "record", "region", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One denoising step.

    ``skip`` is taken from the donor. ``record`` is computed in full, keeps keys and values, and the
    first one yields the mask. ``region`` computes the region alone. ``full`` is plain denoising.
    """

    number: int
    kind: StepKind


def step_schedule(
    plan: Plan, steps: int, refresh_every: int, must_record: Iterable[int] = ()
) -> tuple[Step, ...]:
    """Return the steps of ``plan``, in order.

    Of the steps k1 .. k2 the first and every ``refresh_every``-th after it is a ``record``, as
    ``chorus_policies.costs.work`` counts them; a step in ``must_record`` is one as well (another
    expert model takes over there and has no keys and values yet).
    Raises ``EngineError`` for a copy, which needs no engine, and for a plan that does not fit.
    """
    if isinstance(plan, Copy):
        raise EngineError("a copy is answered from the store; the engine computes nothing for it")
    k1, k2 = reused_steps(plan)
    if steps < 1 or refresh_every < 1 or not 0 <= k1 <= k2 <= steps:
        raise EngineError(
            f"k1 {k1}, k2 {k2}, {steps} steps, refresh every {refresh_every}; "
            "0 <= k1 <= k2 <= steps, and at least one step each, are needed"
        )
    extra = frozenset(must_record)
    schedule = []
    for number in range(steps):
        kind: StepKind = "full"
        if number < k1:
            kind = "skip"
        elif number < k2:
            recorded = (number - k1) % refresh_every == 0 or number in extra
            kind = "record" if recorded else "region"
        schedule.append(Step(number=number, kind=kind))
    return tuple(schedule)


def step_counts(schedule: Iterable[Step]) -> dict[StepKind, int]:
    """Return how many steps of each kind a schedule has."""
    counts = Counter(step.kind for step in schedule)
    kinds: tuple[StepKind, ...] = ("skip", "record", "region", "full")
    return {kind: counts[kind] for kind in kinds}
