"""Pareto: cost per video against response p95, and who is beaten by nobody in both."""

import numpy as np
import numpy.typing as npt

from chorus_reports.finished_run import FloatArray
from chorus_reports.finished_sweep import FinishedSweep
from chorus_reports.plot import INK, SERIES_COLOURS, Line, Panel, Plot, Series
from chorus_reports.quantities import counted, dollars, seconds

COST, P95 = "cost.fleet_usd_per_video", "response_time_s.p95"


def cheapest_first(cost: FloatArray, p95: FloatArray) -> npt.NDArray[np.int64]:
    """Return the places of configurations, the cheapest first; of equals, the fastest first.

    Costs in dollars that differ by less than a billionth are sums in another order.
    """
    return np.lexsort((p95, np.round(cost, 9)))


def front(cost: FloatArray, p95: FloatArray) -> npt.NDArray[np.int64]:
    """Return the places of configurations that none beats in one number and equals in the other.

    Cheapest first; of equals the first is taken.
    """
    chosen: list[int] = []
    fastest = np.inf
    for place in cheapest_first(cost, p95).tolist():
        if p95[place] < fastest:
            fastest = p95[place]
            chosen.append(place)
    return np.array(chosen, dtype=np.int64)


def pareto(sweep: FinishedSweep) -> Plot:
    """Draw every configuration, and the front."""
    cost, p95 = sweep.metrics[COST], sweep.metrics[P95]
    policies = sweep.values.get("policy", ("",) * len(sweep))
    best = front(cost, p95)
    series: list[Series] = [
        Line(
            name="front",
            x=cost[best],
            y=p95[best],
            colour=INK,
            dash="dotted",
            marker="star",
            marker_size=8,
            notes=tuple(sweep.name_of(int(one)) for one in best),
        )
    ]
    for place, policy in enumerate(dict.fromkeys(policies)):
        chosen = np.flatnonzero([one == policy for one in policies])
        series.append(
            Line(
                name=policy or "configurations",
                x=cost[chosen],
                y=p95[chosen],
                colour=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                joined=False,
                marker="circle",
                marker_size=4,
                notes=tuple(sweep.name_of(int(one)) for one in chosen),
            )
        )
    return Plot(
        name="pareto",
        title="Cost and response p95",
        caption=_caption(sweep, best),
        panels=(
            Panel(
                series=tuple(series),
                y_label="response p95, seconds",
                y_range=(0.0, float(p95.max()) * 1.06),
            ),
        ),
        x_label=f"fleet cost per video, $ (prices {sweep.study['prices']})",
    )


def _caption(sweep: FinishedSweep, best: npt.NDArray[np.int64]) -> str:
    cost, p95 = sweep.metrics[COST], sweep.metrics[P95]
    cheap, fast = int(best[0]), int(best[-1])
    text = (
        f"{counted(len(best), 'configuration is', 'configurations are')} on the front, of "
        f"{len(sweep)}. Cheapest: {sweep.name_of(cheap)} ({dollars(float(cost[cheap]))}, "
        f"{seconds(float(p95[cheap]))})."
    )
    if fast == cheap:
        return text + " It is the fastest too."
    return text + (
        f" Fastest: {sweep.name_of(fast)} ({dollars(float(cost[fast]))}, "
        f"{seconds(float(p95[fast]))})."
    )
