"""Regret: what the policy saves in each hour beside the clairvoyant bound."""

import numpy as np

from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import COLUMN_COLOURS, Panel, Plot, Steps
from chorus_reports.quantities import gpu_hours, share

_HOUR = 3600.0


def regret(run: FinishedRun) -> Plot:
    """Draw GPU time saved per hour of arrivals, by the policy and by the bound."""
    hours = (run.explanation or {})["regret"]
    first, last = hours[0]["hour"], hours[-1]["hour"]
    edges = np.arange(first, last + 2, dtype=np.float64)
    place = [hour["hour"] - first for hour in hours]
    saved = {}
    for name in ("policy", "clairvoyant"):
        values = np.zeros(last - first + 1)
        values[place] = [hour[f"{name}_saved_s"] for hour in hours]
        saved[name] = values
    scale, unit = (_HOUR, "GPU-hours") if saved["clairvoyant"].max() >= _HOUR else (1.0, "GPU-s")
    mine = Steps(
        name="policy", edges=edges, values=saved["policy"] / scale, colour=COLUMN_COLOURS["policy"]
    )
    bound = Steps(
        name="clairvoyant",
        edges=edges,
        values=saved["clairvoyant"] / scale,
        colour=COLUMN_COLOURS["clairvoyant"],
        filled=False,
    )
    return Plot(
        name="regret",
        title="Saved by hour, beside the clairvoyant bound",
        caption=_caption(saved["policy"], saved["clairvoyant"], first),
        panels=(Panel(series=(mine, bound), y_label=f"saved per hour,\n{unit}"),),
        x_label="hours since the first arrival",
        x_range=(float(edges[0]), float(edges[-1])),
    )


def _caption(mine: FloatArray, bound: FloatArray, first: int) -> str:
    left = float(bound.sum() - mine.sum())
    text = "The clairvoyant bound is a greedy heuristic that knows every later request."
    if left <= 0:
        return (
            f"{text} The policy saves {gpu_hours(-left)} more in all: the bound keeps entries "
            "whole and is no optimum."
        )
    worst = int(np.argmax(bound - mine))
    return (
        f"{text} It saves {gpu_hours(left)} more in all ({share(left / float(bound.sum()))} of its "
        f"saving), most of that in hour {worst + first}: {gpu_hours(float((bound - mine).max()))}."
    )
