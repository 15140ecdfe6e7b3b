"""Binding: why no number of GPUs, or none that is allowed, reaches the goal."""

from collections.abc import Callable

import numpy as np

from chorus_sim.experiment import Prepared
from chorus_sim.plan.cell import Bind, Sizing
from chorus_sim.plan.goal import Estimate
from chorus_sim.plan.point import Bench, simulate
from chorus_sim.plan.traffic import busiest_hour

#: Requests after which a cache no longer counts as cold.
COLD_REQUESTS = 1_000

#: A cold cache hits at most this share of what it hits later.
_COLDER = 0.95


def what_binds(
    bench: Bench, sizing: Sizing, limit: int | None, everything: Callable[[int], Prepared]
) -> tuple[Bind, ...]:
    """Return what keeps a cell from the goal, the gravest first.

    ``everything`` gives the experiment of a seed with room for every entry of the trace.
    """
    if sizing.gpus is None:
        return _service(bench, sizing, everything)
    if limit is None or sizing.gpus <= limit:
        return ()
    return _limit(bench, sizing.gpus, limit)


def _limit(bench: Bench, needed: int, limit: int) -> tuple[Bind, ...]:
    workload = bench.prepared(bench.seeds[0]).workload
    span = float(workload.arrivals[-1] - workload.arrivals[0])
    mean = float(workload.uncached_service_s().sum()) / span if span > 0 else 0.0
    _, peak = busiest_hour(workload)
    binds = [
        Bind(
            what="limit",
            text=f"{limit} GPUs are allowed and {needed} are needed; on {limit}, "
            f"{_reached(bench, bench.estimate(limit))}",
        )
    ]
    if mean <= limit < peak:
        binds.append(
            Bind(
                what="bursts",
                text=f"the busiest hour offers {peak:.1f} erlangs before the cache helps, the mean "
                f"hour {mean:.1f}: {limit} GPUs carry the day, not its rush",
            )
        )
    return tuple(binds)


def _service(
    bench: Bench, sizing: Sizing, everything: Callable[[int], Prepared]
) -> tuple[Bind, ...]:
    """Return why even a GPU for every request is not enough."""
    binds = []
    most = sizing.most
    if bench.cached:
        cold = _cold_start(bench, most)
        if cold is not None:
            binds.append(cold)
        roomy = _like(bench, everything)
        if roomy.meets(most):
            binds.append(
                Bind(
                    what="capacity",
                    text="a cache that holds the whole trace reaches the goal; this one is too "
                    "small for the hits it needs",
                )
            )
    reached = _reached(bench, bench.estimate(most))
    binds.append(
        Bind(
            what="service",
            text=f"service time alone: with {most} GPUs, when hardly any request waits, {reached}",
        )
    )
    return tuple(binds)


def _reached(bench: Bench, got: Estimate) -> str:
    """Return what a point reaches, in words."""
    target = f"{bench.goal.metric} is {got.value_s:.1f} s for a target of {bench.target_s:.1f} s"
    high = "" if got.interval_s is None else f" (up to {got.interval_s[1]:.1f} s)"
    if not bench.goal.attainment:
        return target + high
    wanted = f"{got.attainment:.1%} of requests are within it for {bench.goal.attainment:.1%}"
    return f"{target}{high} and {wanted}"


def _cold_start(bench: Bench, gpus: int) -> Bind | None:
    """Return the cold start where the goal is met, interval aside, once it is over.

    Later requests may also be others, so the hit ratio must have been lower before.
    """
    late, early_hits, late_hits = [], [], []
    if bench.estimate(gpus).value_s <= bench.target_s:
        return None
    for seed in bench.seeds:
        run, cut = simulate(bench.prepared(seed), gpus, cached=True)
        fresh = np.array(run.served.kinds()[cut:]) == "fresh"
        if len(fresh) <= COLD_REQUESTS:
            return None
        late.append(run.responses()[cut + COLD_REQUESTS :])
        early_hits.append(1 - float(fresh[:COLD_REQUESTS].mean()))
        late_hits.append(1 - float(fresh[COLD_REQUESTS:].mean()))
    values = np.concatenate(late)
    metric = bench.goal.metric
    value = values.mean() if metric == "mean" else np.percentile(values, float(metric[1:]))
    within = float((values <= bench.target_s).mean())
    before, after = float(np.mean(early_hits)), float(np.mean(late_hits))
    if value > bench.target_s or within < bench.goal.attainment or before > _COLDER * after:
        return None
    return Bind(
        what="cold start",
        text=f"after the first {COLD_REQUESTS:,} requests the goal is met (hit ratio {before:.1%} "
        f"before, {after:.1%} after); the empty cache misses it (try a preload)",
    )


def _like(bench: Bench, prepared: Callable[[int], Prepared]) -> Bench:
    return Bench(
        prepared=prepared,
        cached=True,
        goal=bench.goal,
        target_s=bench.target_s,
        method=bench.method,
        seeds=bench.seeds,
        fresh=bench.fresh,
    )
