"""Estimate: a point's metric and its interval from the runs of several seeds.

Where the traffic is generated, each seed is another day, and the interval is Student's over seeds.
Where it was recorded there is one recording only: its consecutive blocks are drawn with replacement
(block bootstrap, Kunsch, 1989), equally often from each seed's run, and the interval is that of
the draws. Blocks keep sessions and rushes whole; a drawn day can have its rush hour twice or not
at all, so the interval is wide where waiting happens in rushes. The seeds then move stage times
and, above growth 1, which sessions are copied and when.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from chorus_sim.bootstrap import DRAWS, block_draws, block_edges, interval
from chorus_sim.plan.goal import Estimate, Goal, Metric
from chorus_sim.statistics import replication_interval

FloatArray = npt.NDArray[np.float64]
Method = Literal["replications", "bootstrap"]

#: Draws of blocks from each seed's run.
_DRAWS = 400
_PARTS = DRAWS // _DRAWS

#: Response times are ranked on at most this many steps; a drawn percentile is read upwards.
_STEPS = 4_000


def estimate(runs: list[FloatArray], goal: Goal, target_s: float, method: Method) -> Estimate:
    """Return the estimate from the response times of each seed, shape ``(requests,)``."""
    values = np.array([_metric(run, goal.metric) for run in runs])
    shares = np.array([float((run <= target_s).mean()) for run in runs])
    if method == "replications":
        metric, share = replication_interval(values), replication_interval(shares)
    else:
        metric, share = _bootstrap(runs, goal.metric, target_s)
    return Estimate(
        value_s=float(values.mean()),
        interval_s=(max(0.0, metric[0]), metric[1]),
        attainment=float(shares.mean()),
        attainment_interval=(max(0.0, share[0]), min(1.0, share[1])),
        seeds=len(runs),
    )


def given_up(run: FloatArray, goal: Goal, target_s: float) -> Estimate | None:
    """Return the estimate of a first run that misses twice over, or ``None``: then run the rest."""
    value = _metric(run, goal.metric)
    if value <= 2 * target_s:
        return None
    return Estimate(
        value_s=value,
        interval_s=None,
        attainment=float((run <= target_s).mean()),
        attainment_interval=None,
        seeds=1,
    )


def _metric(values: FloatArray, metric: Metric) -> float:
    if metric == "mean":
        return float(values.mean())
    return float(np.percentile(values, float(metric.removeprefix("p"))))


def _bootstrap(
    runs: list[FloatArray], metric: Metric, target_s: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    drawn, met = [], []
    for number, run in enumerate(runs):
        edges = block_edges(len(run))
        blocks = len(edges) - 1
        block = np.repeat(np.arange(blocks), np.diff(edges))
        draws = block_draws(len(run))[number % _PARTS :: _PARTS]
        times = np.zeros((len(draws), blocks))
        np.add.at(times, (np.arange(len(draws))[:, None], draws), 1.0)
        size = times @ np.bincount(block, minlength=blocks)
        met.append(times @ np.bincount(block, weights=run <= target_s, minlength=blocks) / size)
        if metric == "mean":
            drawn.append(times @ np.bincount(block, weights=run, minlength=blocks) / size)
        else:
            share = float(metric.removeprefix("p")) / 100
            drawn.append(_drawn_percentiles(run, block, times, size, share))
    return interval(np.concatenate(drawn)), interval(np.concatenate(met))


def _drawn_percentiles(
    run: FloatArray,
    block: npt.NDArray[np.int64],
    times: FloatArray,
    size: FloatArray,
    share: float,
) -> FloatArray:
    """Return the percentile of each drawn day, off a ladder of ranked response times."""
    ranked = np.sort(run)
    steps = min(len(run), _STEPS)
    ladder = ranked[np.ceil(np.arange(1, steps + 1) * len(run) / steps).astype(np.int64) - 1]
    step = np.searchsorted(ladder, run, side="left")
    counts = np.zeros((times.shape[1], steps))
    np.add.at(counts, (block, step), 1.0)
    reached = np.cumsum(times @ counts, axis=1) >= share * size[:, None] - 1e-9
    percentiles: FloatArray = ladder[reached.argmax(axis=1)]
    return percentiles
