"""Resilience: what a fleet does with one GPU lost, and with its cache lost at the peak."""

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_sim.plan.cell import Cell
from chorus_sim.plan.goal import Estimate
from chorus_sim.plan.point import Bench, simulate
from chorus_sim.plan.study import Study
from chorus_sim.plan.traffic import HOUR_S, Setting


class OneLost(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet with one GPU gone for the whole run, and what keeping the goal then costs."""

    gpus: int
    holds: bool
    estimate: Estimate
    spare_gpus: int
    spare_usd: float
    source: str


class ColdRestart(msgspec.Struct, frozen=True, kw_only=True):
    """The first hour after the cache is lost when the busiest hour begins, beside a warm one.

    The cold fleet begins the hour without a queue, the warm one with what it has by then. Numbers
    are means over seeds, of requests that arrive within the hour.
    """

    warm_hit_ratio: float
    cold_hit_ratio: float
    warm_p95_s: float
    cold_p95_s: float
    warm_attainment: float
    cold_attainment: float
    requests: float
    source: str


def one_lost(cell: Cell, bench: Bench) -> OneLost | None:
    """Return the fleet without one of its GPUs, or ``None`` where it has only one."""
    gpus = cell.sizing.gpus
    if gpus is None or gpus < 2 or cell.cost is None:
        return None
    holds = bench.meets(gpus - 1) and bench.meets(gpus - 1, fresh=True)
    spare = 0 if holds else 1
    return OneLost(
        gpus=gpus - 1,
        holds=holds,
        estimate=bench.estimate(gpus - 1),
        spare_gpus=spare,
        spare_usd=spare * cell.cost.gpu_usd / gpus,
        source=cell.source,
    )


def cold_restart(study: Study, cell: Cell, bench: Bench) -> ColdRestart | None:
    """Return the hour after a restart at peak, or ``None`` where nothing is cached."""
    gpus = cell.sizing.gpus
    if gpus is None or not bench.cached:
        return None
    capacity = next(one for one in study.capacities if one.text == cell.capacity)
    cold = study.bench(study.stage(Setting(growth=cell.growth, from_peak=True)), capacity)
    rows = []
    for seed in bench.seeds:
        emptied = cold.prepared(seed)
        run, _ = simulate(emptied, gpus, cached=True)
        hour = np.array(run.served.arrival) < HOUR_S
        whole, _ = simulate(bench.prepared(seed), gpus, cached=True)
        first = len(whole.served.arrival) - len(run.served.arrival)
        window = slice(first, first + int(hour.sum()))
        rows.append(
            (
                *_hour(whole.served.kinds()[window], whole.responses()[window], study.target_s),
                *_hour(
                    run.served.kinds()[: window.stop - first],
                    run.responses()[: window.stop - first],
                    study.target_s,
                ),
                float(hour.sum()),
            )
        )
    means = np.mean(np.array(rows), axis=0).tolist()
    return ColdRestart(
        warm_hit_ratio=means[0],
        warm_p95_s=means[1],
        warm_attainment=means[2],
        cold_hit_ratio=means[3],
        cold_p95_s=means[4],
        cold_attainment=means[5],
        requests=means[6],
        source=cell.source,
    )


def _hour(
    kinds: list[str],
    responses: npt.NDArray[np.float64],
    target_s: float,
) -> tuple[float, float, float]:
    return (
        1 - kinds.count("fresh") / len(kinds),
        float(np.percentile(responses, 95)),
        float((responses <= target_s).mean()),
    )
