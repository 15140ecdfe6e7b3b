"""Tornado: how far each field of the grid moves a number, the others averaged out."""

import msgspec
import numpy as np

from chorus_reports.finished_sweep import FinishedSweep, short
from chorus_reports.plot import Bars, Panel, Plot


class Swing(msgspec.Struct, frozen=True, kw_only=True):
    """The least and the highest mean of a number over the values of one field, and where."""

    field: str
    low: float
    low_at: str
    high: float
    high_at: str


def swings(sweep: FinishedSweep, metric: str) -> list[Swing]:
    """Return the swing of each field, the widest first.

    For each value of a field the number is averaged over all configurations that have it.
    """
    values = sweep.metrics[metric]
    found = []
    for field in sweep.fields:
        texts = np.array(sweep.values[field])
        means = {text: float(values[texts == text].mean()) for text in sweep.order[field]}
        low, high = min(means, key=lambda at: means[at]), max(means, key=lambda at: means[at])
        if np.isclose(means[low], means[high], rtol=1e-9, atol=0.0):
            low = high = "any"
            means["any"] = float(values.mean())
        found.append(Swing(field=field, low=means[low], low_at=low, high=means[high], high_at=high))
    return sorted(found, key=lambda swing: swing.low - swing.high)


def tornado(sweep: FinishedSweep, metric: str, title: str, unit: str, factor: float) -> Plot:
    """Draw the swings of ``metric`` times ``factor`` around its mean over all configurations."""
    found = swings(sweep, metric)
    mean = float(sweep.metrics[metric].mean())
    labels = tuple(short(swing.field) for swing in found)
    low = np.array([(swing.low - mean) * factor for swing in found])
    high = np.array([(swing.high - mean) * factor for swing in found])
    widest = found[0]
    span = max(float(high.max()), -float(low.min()), 1e-12) * 1.1
    return Plot(
        name=f"tornado-{metric.replace('.', '-').replace('_', '-')}",
        title=title,
        caption=f"{widest.field} matters most: from {widest.low * factor:,.4g} {unit} at "
        f"{widest.low_at} to {widest.high * factor:,.4g} at {widest.high_at}. Each bar averages "
        "over all other fields of this grid; another grid swings otherwise.",
        panels=(
            Panel(
                series=(
                    Bars(name="lowest", labels=labels, values=low, colour="#56b4e9"),
                    Bars(name="highest", labels=labels, values=high, colour="#d55e00"),
                ),
                y_label="",
            ),
        ),
        x_label=f"difference from the mean of {mean * factor:,.4g} {unit}",
        x_range=(-span, span),
    )
