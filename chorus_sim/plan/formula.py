"""The queueing formula beside a plan: Erlang C, only where its assumptions hold."""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_sim.plan.erlang import mean_wait_s, percentile_s, share_within
from chorus_sim.plan.goal import Goal
from chorus_sim.workload import Workload

#: A coefficient of variation this near to 1 passes for exponential.
_NEAR = 0.1

#: Counts per window of a Poisson process have a variance over mean of 1; this much more is bursty.
_DISPERSED = 1.5

_FEWEST_WINDOWS = 20


class Formula(msgspec.Struct, frozen=True, kw_only=True):
    """What Erlang C says without a cache; ``gpus`` is ``None`` where it does not apply."""

    applies: bool
    why: str
    offered_load_erlangs: float
    gpus: int | None
    source: str = "modelled"


def queueing_formula(workload: Workload, goal: Goal, target_s: float) -> Formula:
    """Return the GPU count of Erlang C for the goal, or why it does not apply.

    It asks for Poisson arrivals at a steady rate and exponential service times. It knows the mean
    alone, so its count has no interval.
    """
    service = workload.uncached_service_s()
    span = float(workload.arrivals[-1] - workload.arrivals[0])
    load = float(service.sum()) / span if span > 0 else math.inf
    against = _against(workload, service)
    if against or not math.isfinite(load):
        why = "; ".join(against) or "all requests arrive at one instant"
        return Formula(applies=False, why=why, offered_load_erlangs=load, gpus=None)
    return Formula(
        applies=True,
        why="arrivals look Poisson and service times exponential",
        offered_load_erlangs=load,
        gpus=fewest_by_formula(load, float(service.mean()), goal, target_s),
    )


def fewest_by_formula(load: float, service_s: float, goal: Goal, target_s: float) -> int | None:
    """Return the fewest servers of M/M/c that reach the goal, or ``None`` where none does."""
    first = math.floor(load) + 1
    # Far beyond the load nobody waits, and what is left is service time alone.
    for servers in range(first, 2 * first + 100):
        if goal.metric == "mean":
            value = service_s + mean_wait_s(servers, load, service_s)
        else:
            share = float(goal.metric.removeprefix("p")) / 100
            value = percentile_s(servers, load, service_s, share)
        within = share_within(servers, load, service_s, target_s)
        if value <= target_s and within >= goal.attainment:
            return servers
    return None


def _against(workload: Workload, service: npt.NDArray[np.float64]) -> list[str]:
    """Return what speaks against the formula's assumptions."""
    found = []
    gaps = np.diff(workload.arrivals)
    if len(gaps) < _FEWEST_WINDOWS or gaps.mean() <= 0:
        return ["too few arrivals to tell their law"]
    between = float(gaps.std() / gaps.mean())
    if abs(between - 1) > _NEAR:
        found.append(f"inter-arrival times vary {between:.2f} times their mean (Poisson: 1)")
    spread = _dispersion(workload.arrivals)
    if spread > _DISPERSED:
        found.append(f"arrivals come in bursts (variance over mean of counts {spread:.1f})")
    times = float(service.std() / service.mean())
    if abs(times - 1) > _NEAR:
        found.append(f"service times vary {times:.2f} times their mean (exponential: 1)")
    return found


def _dispersion(arrivals: npt.NDArray[np.float64]) -> float:
    """Return the greatest variance over mean of counts, in windows of 10 and of 100 mean gaps."""
    greatest = 0.0
    since = arrivals - arrivals[0]
    for expected in (10, 100):
        windows = len(arrivals) // expected
        if windows < _FEWEST_WINDOWS:
            continue
        counts = np.histogram(since, windows, (0.0, float(since[-1])))[0]
        greatest = max(greatest, float(counts.var() / counts.mean()))
    return greatest
