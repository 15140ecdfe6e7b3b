"""A point of a plan: so many GPUs, such a cache, this traffic; simulated once per seed.

This is the one place where a plan simulates.
"""

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.journal import Journal
from chorus_sim.experiment import Prepared
from chorus_sim.plan.estimate import Method, estimate, given_up
from chorus_sim.plan.goal import Estimate, Goal
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.summary import Run

FloatArray = npt.NDArray[np.float64]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet of a point does besides answering: means over its seeds.

    ``held_gib`` is the capacity paid for, by tier.
    """

    request_hit_ratio: float
    utilisation: float
    gpu_s_per_video: float
    held_gib: dict[str, float]


def simulate(prepared: Prepared, gpus: int, *, cached: bool) -> tuple[Run, int]:
    """Return the run on ``gpus`` GPUs and how many leading requests do not count."""
    sized = msgspec.structs.replace(prepared, gpus=gpus)
    run = run_policy(sized, Journal(keep=False)) if cached else run_uncached(sized)
    _, cut = warm_up_cut(sized, run)
    return run, cut


def simulated_source(prepared: Prepared) -> str:
    """Return the source of simulated numbers: no better than modelled, assumed on assumed costs."""
    return "assumed" if prepared.book.source == "assumed" else "modelled"


def figures(runs: list[tuple[Run, int]]) -> Figures:
    """Return the figures of one point's runs."""
    ratios, shares, seconds = [], [], []
    held: dict[str, list[float]] = {}
    for run, cut in runs:
        kinds = run.served.kinds()[cut:]
        ratios.append(1 - kinds.count("fresh") / len(kinds))
        busy = np.array(run.served.held)[cut:]
        worked = np.array(run.served.worker)[cut:] >= 0
        span = float(max(run.served.finish) - run.served.arrival[cut])
        shares.append(float(busy[worked].sum()) / (run.gpus * span) if span else 0.0)
        seconds.append(float(busy.mean()))
        for tier in run.tiers:
            size = tier.occupied_bytes if tier.mean_capacity_bytes is None else None
            held.setdefault(tier.name, []).append(
                (tier.mean_capacity_bytes or 0.0 if size is None else size) / 2**30
            )
    return Figures(
        request_hit_ratio=float(np.mean(ratios)),
        utilisation=float(np.mean(shares)),
        gpu_s_per_video=float(np.mean(seconds)),
        held_gib={name: float(np.mean(sizes)) for name, sizes in held.items()},
    )


class Bench(msgspec.Struct, kw_only=True):
    """Simulates points of one traffic and cache, and remembers what each came to.

    ``prepared`` gives the experiment of a seed; ``seeds`` are those of the search, ``fresh`` those
    of the verification.
    """

    prepared: Callable[[int], Prepared]
    cached: bool
    goal: Goal
    target_s: float
    method: Method
    seeds: tuple[int, ...]
    fresh: tuple[int, ...]
    estimates: dict[tuple[int, bool], Estimate] = {}
    found: dict[int, Figures] = {}
    runs: int = 0

    def estimate(self, gpus: int, *, fresh: bool = False) -> Estimate:
        """Return what the runs on ``gpus`` GPUs say, simulating them the first time."""
        key = (gpus, fresh)
        if key not in self.estimates:
            self.estimates[key] = self._simulated(gpus, fresh=fresh)
        return self.estimates[key]

    def meets(self, gpus: int, *, fresh: bool = False) -> bool:
        """Tell whether ``gpus`` GPUs reach the goal with confidence."""
        return self.estimate(gpus, fresh=fresh).meets(self.goal, self.target_s)

    def _simulated(self, gpus: int, *, fresh: bool) -> Estimate:
        runs: list[tuple[Run, int]] = []
        responses: list[FloatArray] = []
        for seed in self.fresh if fresh else self.seeds:
            runs.append(simulate(self.prepared(seed), gpus, cached=self.cached))
            self.runs += 1
            run, cut = runs[-1]
            responses.append(run.responses()[cut:])
            if len(runs) == 1:
                early = given_up(responses[0], self.goal, self.target_s)
                if early is not None:
                    self.found.setdefault(gpus, figures(runs))
                    return early
        if not fresh:
            self.found[gpus] = figures(runs)
        return estimate(responses, self.goal, self.target_s, self.method)
