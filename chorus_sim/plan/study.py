"""The study a plan carries out: what is asked, of which traffic, at which prices."""

from collections.abc import Callable

import msgspec

from chorus_sim.experiment import Prepared, vary
from chorus_sim.plan.capacity import Capacity
from chorus_sim.plan.estimate import Method
from chorus_sim.plan.goal import Goal
from chorus_sim.plan.point import Bench
from chorus_sim.plan.prices import PlanPrices
from chorus_sim.plan.traffic import Setting, Traffic
from chorus_sim.scenario import CacheSection

#: Distance of the seeds of the verification from those of the search.
_FRESH = 1_000


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a part of a plan needs; it can be sent to another process."""

    traffic: Traffic
    goal: Goal
    target_s: float
    growth: tuple[float, ...]
    capacities: tuple[Capacity, ...]
    prices: PlanPrices
    gpu_limit: int | None
    seeds: int

    @property
    def base(self) -> float:
        """The growth factor the one-off questions are asked at: 1, or the first given."""
        return 1.0 if 1.0 in self.growth else self.growth[0]

    @property
    def method(self) -> Method:
        """How intervals are made: generated traffic has other days, recorded traffic has blocks."""
        return "bootstrap" if self.traffic.generate is None else "replications"

    def stage(self, setting: Setting) -> Callable[[int], Prepared]:
        """Return a function that prepares ``setting`` once for each seed."""
        known: dict[int, Prepared] = {}

        def prepared(seed: int) -> Prepared:
            if seed not in known:
                known[seed] = self.traffic.prepared(setting, seed)
            return known[seed]

        return prepared

    def bench(self, stage: Callable[[int], Prepared], capacity: Capacity) -> Bench:
        """Return the bench of one cache on a stage."""
        first = self.traffic.scenario.run.seed
        return Bench(
            prepared=stage if capacity.cache is None else with_cache(stage, capacity.cache),
            cached=capacity.cache is not None,
            goal=self.goal,
            target_s=self.target_s,
            method=self.method,
            seeds=tuple(range(first, first + self.seeds)),
            fresh=tuple(range(first + _FRESH, first + _FRESH + self.seeds)),
        )


def with_cache(stage: Callable[[int], Prepared], cache: CacheSection) -> Callable[[int], Prepared]:
    """Return the stage under another cache; workload and graph are shared."""
    known: dict[int, Prepared] = {}

    def prepared(seed: int) -> Prepared:
        if seed not in known:
            base = stage(seed)
            known[seed] = vary(base, msgspec.structs.replace(base.scenario, cache=cache))
        return known[seed]

    return prepared
