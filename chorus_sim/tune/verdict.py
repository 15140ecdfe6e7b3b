"""The verdict: the trial to deploy, judged on the part of the trace that no trial has seen."""

import msgspec

from chorus_policies.policy import Policy
from chorus_sim.bootstrap import interval
from chorus_sim.tune.objective import Objective, values_of
from chorus_sim.tune.part import Part


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One objective on one part: base, candidate, and how much better with its 95 % interval."""

    objective: str
    base: float
    found: float
    better_by: float
    ci95: tuple[float, float]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Both parts' numbers, and whether the candidate beats the base on the part held out."""

    tried: tuple[Judged, ...]
    held_out: tuple[Judged, ...]
    beats: bool
    why: str


def judge(
    objectives: tuple[Objective, ...], policy: Policy, tried: Part, held_out: Part
) -> Verdict:
    """Compare a policy with the base on both parts.

    It beats the base if its first objective is better beyond the interval on the part held out,
    and no other objective is worse beyond its own.
    """
    parts = [_compared(objectives, policy, part) for part in (tried, held_out)]
    first, *others = parts[1]
    worse = [one.objective for one in others if one.ci95[1] < 0]
    if first.ci95[0] <= 0:
        why = f"{first.objective} is not better beyond chance"
    elif worse:
        why = f"{', '.join(worse)} is worse"
    else:
        why = ""
    return Verdict(tried=parts[0], held_out=parts[1], beats=not why, why=why)


def _compared(objectives: tuple[Objective, ...], policy: Policy, part: Part) -> tuple[Judged, ...]:
    seen = part.observe(policy)
    rows = []
    for objective, base, found in zip(
        objectives, values_of(objectives, part.base), values_of(objectives, seen), strict=True
    ):
        rows.append(
            Judged(
                objective=objective.name,
                base=base,
                found=found,
                better_by=found - base if objective.maximised else base - found,
                ci95=interval(objective.gain(part.base, seen)),
            )
        )
    return tuple(rows)
