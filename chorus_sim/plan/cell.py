"""A cell of a plan: one growth factor and one cache, and the fewest GPUs that reach the goal."""

import math

import msgspec
import numpy as np

from chorus_sim.plan.goal import Estimate
from chorus_sim.plan.money import Cost
from chorus_sim.plan.point import Bench, Figures
from chorus_sim.plan.search import fewest
from chorus_sim.workload import Workload

#: GPUs beyond those that no uncached request ever waits for; a cache adds lookups and stores.
_HEADROOM = 1.25


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One number of GPUs that was simulated."""

    gpus: int
    meets: bool
    estimate: Estimate


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the way: ``service``, ``capacity``, ``cold start``, ``bursts``, ``limit``."""

    what: str
    text: str


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """The fewest GPUs of one bench.

    ``gpus`` is ``None`` where no number up to ``most`` reaches the goal. ``gpus_least`` is the
    fewest tried that the intervals do not rule out. ``raised`` counts GPUs added because fresh
    seeds did not confirm the first answer.
    """

    gpus: int | None
    gpus_least: int | None
    raised: int
    most: int
    estimate: Estimate
    fresh: Estimate | None
    figures: Figures
    tried: tuple[Tried, ...]
    runs: int


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One growth factor and one cache. ``feasible`` says that ``sizing.gpus`` may be bought."""

    growth: float
    capacity: str
    cached: bool
    feasible: bool
    sizing: Sizing
    cost: Cost | None
    binds: tuple[Bind, ...]
    source: str


def size(bench: Bench, guess: int, most: int) -> Sizing:
    """Return the fewest GPUs up to ``most`` that reach the goal on the search's and fresh seeds."""
    first = fewest(bench.meets, guess, most)
    gpus = first
    while gpus is not None and not (bench.meets(gpus) and bench.meets(gpus, fresh=True)):
        gpus = gpus + 1 if gpus < most else None
    shown = most if gpus is None else gpus
    estimate = bench.estimate(shown)
    tried = tuple(
        Tried(gpus=number, meets=bench.meets(number), estimate=one)
        for (number, fresh), one in sorted(bench.estimates.items())
        if not fresh
    )
    possible = [one.gpus for one in tried if one.estimate.may_meet(bench.goal, bench.target_s)]
    return Sizing(
        gpus=gpus,
        gpus_least=None if gpus is None else min(possible),
        raised=0 if gpus is None or first is None else gpus - first,
        most=most,
        estimate=estimate,
        fresh=bench.estimates.get((shown, True)),
        figures=bench.found[shown],
        tried=tried,
        runs=bench.runs,
    )


def most_gpus(workload: Workload) -> int:
    """Return so many GPUs that a request hardly ever waits for one: more change nothing."""
    arrivals, service = workload.arrivals, workload.uncached_service_s()
    instants = np.concatenate([arrivals, arrivals + service])
    steps = np.concatenate([np.ones(len(arrivals)), -np.ones(len(arrivals))])
    running = np.cumsum(steps[np.lexsort((steps, instants))])
    return math.ceil(float(running.max()) * _HEADROOM) + 1
