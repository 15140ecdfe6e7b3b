"""Replications: the same scenario under several seeds, and intervals over them.

Where the arrivals are generated (``synth:``) a replication has its own trace; where they were
recorded it has its own stage times, and the interval says nothing about another day.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chorus_policies.journal import Journal
from chorus_sim.experiment import Prepared
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.statistics import replication_interval
from chorus_sim.summary import summarise

_FIGURES = {
    "request_hit_ratio": ("request_hit_ratio",),
    "saved_share": ("gpu_seconds", "saved_share"),
    "response_time_s_mean": ("response_time_s", "mean"),
    "response_time_s_p95": ("response_time_s", "p95"),
    "waiting_time_s_mean": ("waiting_time_s", "mean"),
    "slo_attainment": ("slo_attainment",),
}


def replicate(replications: Iterable[Prepared], *, arrivals: str) -> dict[str, Any]:
    """Return mean, 95 % interval and single values of the headline figures.

    Policy and no-cache baseline share each replication's luck (common random numbers).
    """
    values: dict[str, list[float]] = {name: [] for name in _FIGURES}
    seeds = []
    for prepared in replications:
        seeds.append(prepared.scenario.run.seed)
        run = run_policy(prepared, Journal(keep=False))
        _, cut = warm_up_cut(prepared, run)
        summary = summarise(
            run,
            run_uncached(prepared),
            cut=cut,
            slo_s=prepared.slo_s,
            prices=prepared.scenario.prices,
        )
        for name, path in _FIGURES.items():
            value: Any = summary
            for key in path:
                value = value[key]
            values[name].append(value)
    figures: dict[str, Any] = {"count": len(seeds), "seeds": seeds, "arrivals": arrivals}
    for name, series in values.items():
        low, high = replication_interval(np.array(series))
        ci95 = [low, high] if math.isfinite(low) else None
        figures[name] = {"mean": float(np.mean(series)), "ci95": ci95, "values": series}
    return figures
