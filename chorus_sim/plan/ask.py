"""Ask: turn what somebody typed into a study, refusing what makes no sense in one line."""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec

from chorus_sim.experiment import prepare, vary
from chorus_sim.plan.capacity import Capacity, parse_capacities
from chorus_sim.plan.goal import Goal, parse_goal
from chorus_sim.plan.prices import PlanPrices, read_prices
from chorus_sim.plan.study import Study
from chorus_sim.plan.traffic import Traffic
from chorus_sim.scenario import Scenario
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's question, checked as far as it can be without the trace."""

    scenario: Scenario
    goal: Goal
    growth: tuple[float, ...]
    capacities: tuple[Capacity, ...]
    prices: PlanPrices
    gpu_limit: int | None
    seeds: int


def question(
    scenario: Scenario,
    *,
    slo: str,
    attainment: float | None,
    growth: str,
    capacities: str,
    prices: Path,
    gpu_limit: int | None,
    seeds: int,
) -> Question:
    """Return the question. Raises ``ScenarioError`` in one line on anything that makes no sense."""
    if scenario.trace.rate_scale != 1:
        raise ScenarioError(
            f"trace.rate_scale is {scenario.trace.rate_scale:g}; a plan takes more users from "
            "--growth, so leave it at 1"
        )
    if gpu_limit is not None and gpu_limit < 1:
        raise ScenarioError(f"--gpu-limit {gpu_limit}: at least 1 is needed")
    if not 2 <= seeds <= 1_000:
        raise ScenarioError(f"--seeds {seeds}: 2 to 1000 are needed; fewer give no interval")
    choices = parse_capacities(capacities, scenario.cache)
    used = [choice.cache for choice in choices if choice.cache is not None]
    tiers = {
        tier: None for cache in used for tier in (cache.tier, *(low.name for low in cache.below))
    }
    priced = read_prices(prices, list(tiers))
    if used:
        # The cache a plan is prepared with; each cell then takes its own.
        scenario = msgspec.structs.replace(scenario, cache=used[0])
    return Question(
        scenario=msgspec.structs.replace(scenario, prices=priced.prices),
        goal=parse_goal(slo, attainment),
        growth=parse_growth(growth),
        capacities=choices,
        prices=priced,
        gpu_limit=gpu_limit,
        seeds=seeds,
    )


def parse_growth(text: str) -> tuple[float, ...]:
    """Return the factors in "1,1.5,2". Raises ``ScenarioError`` on one that is none, or twice."""
    factors: list[float] = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            factor = float(word.removesuffix("x"))
        except ValueError:
            factor = math.nan
        if not (math.isfinite(factor) and 0 < factor <= 1000):
            raise ScenarioError(
                f"--growth {text!r}: {word} is no factor; numbers above 0 up to 1000 are needed, "
                "like 1,1.5,2"
            )
        if factor in factors:
            raise ScenarioError(f"--growth {text!r}: {word} comes twice; name each once")
        factors.append(factor)
    if not factors:
        raise ScenarioError(f"--growth {text!r}: name at least one factor, like 1,1.5,2")
    return tuple(factors)


def study_of(asked: Question, trace: Trace, generate: Callable[[int], Trace] | None) -> Study:
    """Return the study of a question on its trace; a target like 2x becomes seconds here.

    Raises ``ChorusError`` on a trace that does not fit the scenario, and on a cache too small.
    """
    prepared = prepare(asked.scenario, trace)
    for capacity in asked.capacities:
        if capacity.cache is not None:
            vary(prepared, msgspec.structs.replace(asked.scenario, cache=capacity.cache))
    mean_s = float(prepared.workload.uncached_service_s().mean())
    return Study(
        traffic=Traffic(scenario=asked.scenario, trace=trace, generate=generate),
        goal=asked.goal,
        target_s=asked.goal.target_s(mean_s),
        growth=asked.growth,
        capacities=asked.capacities,
        prices=asked.prices,
        gpu_limit=asked.gpu_limit,
        seeds=asked.seeds,
    )
