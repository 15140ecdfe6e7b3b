"""Curves: a number against one field of the grid, a line per policy."""

import numpy as np

from chorus_reports.finished_run import FloatArray
from chorus_reports.finished_sweep import CAPACITY, FinishedSweep
from chorus_reports.plot import SERIES_COLOURS, Limit, Line, Panel, Plot, Series, log_ticks
from chorus_reports.quantities import seconds, share

_GIB = 2**30

#: A line per policy beyond this many hides the others.
_MOST_LINES = 8


def saved_by_capacity(sweep: FinishedSweep) -> Plot:
    """Draw GPU time saved against capacity."""
    saved = sweep.metrics["gpu_seconds.saved"] / 3600
    best = int(np.argmax(saved))
    others = _others(sweep, CAPACITY)
    return _curve(
        sweep,
        sweep.capacity_bytes / _GIB,
        saved,
        name="saved-by-capacity",
        title="Saved GPU time against capacity",
        y_label="GPU-hours saved",
        x_label="capacity, GiB (log scale)",
        base=2,
        caption=f"Most is saved by {sweep.name_of(best)}: "
        f"{share(float(sweep.metrics['gpu_seconds.saved_share'][best]))} of all GPU time. {others}"
        " Under similarity a larger cache can save less.",
    )


def p95_by_gpus(sweep: FinishedSweep) -> Plot:
    """Draw the response p95 against the number of GPUs, beside the SLO."""
    p95 = sweep.metrics["response_time_s.p95"]
    meets = p95 <= sweep.slo_s
    if meets.any():
        fewest = int(sweep.gpus[meets].min())
        caption = f"The fewest GPUs with a p95 within the SLO of {seconds(sweep.slo_s)}: {fewest}."
    else:
        caption = f"No configuration has a p95 within the SLO of {seconds(sweep.slo_s)}."
    return _curve(
        sweep,
        sweep.gpus,
        p95,
        name="p95-by-gpus",
        title="Response p95 against GPUs",
        y_label="response p95, seconds",
        x_label="GPUs (log scale)",
        base=10,
        caption=f"{caption} {_others(sweep, 'fleet.gpus')}",
        limit=Limit(name="SLO", at=sweep.slo_s),
    )


def _curve(
    sweep: FinishedSweep,
    x: FloatArray,
    y: FloatArray,
    *,
    name: str,
    title: str,
    y_label: str,
    x_label: str,
    base: int,
    caption: str,
    limit: Limit | None = None,
) -> Plot:
    policies = sweep.values.get("policy", ("",) * len(sweep))
    named = tuple(dict.fromkeys(policies))
    series: list[Series] = []
    for place, policy in enumerate(named[:_MOST_LINES]):
        chosen = np.array([one == policy for one in policies])
        at = np.unique(x[chosen])
        parts = [y[chosen & (x == value)] for value in at]
        series.append(
            Line(
                name=policy,
                x=at,
                y=np.array([float(np.median(part)) for part in parts]),
                low=np.array([float(part.min()) for part in parts]),
                high=np.array([float(part.max()) for part in parts]),
                colour=SERIES_COLOURS[place % len(SERIES_COLOURS)],
                marker="circle",
                marker_size=3.5,
            )
        )
    if len(named) > _MOST_LINES:
        caption += f" The first {_MOST_LINES} of {len(named)} policies are drawn."
    top = float(y.max()) * 1.08
    if limit is not None and limit.at <= 1.5 * top:
        series.append(limit)
        top = max(top, limit.at * 1.08)
    low, high = float(x.min()) / 1.1, float(x.max()) * 1.1
    return Plot(
        name=name,
        title=title,
        caption=caption,
        panels=(
            Panel(series=tuple(series), y_label=y_label, y_range=(min(0.0, float(y.min())), top)),
        ),
        x_label=x_label,
        x_range=(low, high),
        x_log=True,
        x_ticks=log_ticks(low, high, base=base),
    )


def _others(sweep: FinishedSweep, field: str) -> str:
    rest = [one for one in sweep.fields if one not in (field, "policy")]
    if not rest:
        return ""
    return f"Lines are medians over {' and '.join(rest)}, bands reach from least to most."
