"""Hit kinds: how the requests of each hour were answered."""

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.chart import KIND_COLOURS, Chart, legend_above, new_figure
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.quantities import counted, share
from chorus_reports.timeline import time_unit

_HOUR = 3600.0
_WIDTHS = {
    1.0: "second",
    10.0: "10 seconds",
    60.0: "minute",
    300.0: "5 minutes",
    900.0: "15 minutes",
    _HOUR: "hour",
    3 * _HOUR: "3 hours",
    6 * _HOUR: "6 hours",
    12 * _HOUR: "12 hours",
    24 * _HOUR: "day",
    7 * 24 * _HOUR: "week",
    28 * 24 * _HOUR: "4 weeks",
}
_MOST_BARS, _SHORT_BARS = 72, 24

#: A ratio over fewer requests than this is not named in the caption.
_ENOUGH = 20


def hit_kinds(run: FinishedRun) -> Chart:
    """Draw the requests of each hour, stacked by kind; a longer or shorter run takes other bars."""
    since = run.records["arrival_s"] - run.begin_s
    span = float(since[-1])
    width = _width(span)
    bars = int(span // width) + 1
    place = (since // width).astype(int)
    edges = np.arange(bars + 1) * width
    counts = [
        np.bincount(place[run.kind == number], minlength=bars).astype(float)
        for number in range(len(PLAN_KINDS))
    ]
    unit, name = time_unit(span)
    figure, (axes,) = new_figure()
    below = np.zeros(bars)
    for kind, part in zip(PLAN_KINDS, counts, strict=True):
        if not part.any():
            continue
        axes.stairs(
            below + part,
            edges / unit,
            baseline=below,
            fill=True,
            color=KIND_COLOURS[kind],
            label=kind,
        )
        below = below + part
    axes.set_xlim(0, edges[-1] / unit)
    axes.set_ylim(0, float(below.max()) * 1.05)
    axes.locator_params(axis="y", integer=True)
    axes.set_xlabel(f"{name} since the first arrival")
    axes.set_ylabel(f"requests per {_WIDTHS[width]}")
    legend_above(axes)
    return Chart(
        name="hit-kinds",
        title="Hits over time",
        caption=_caption(below, below - counts[-1], width),
        figure=figure,
    )


def _width(span_s: float) -> float:
    """Return the seconds of a bar: an hour for runs of a quarter of a day to three days."""
    bars = _SHORT_BARS if span_s < 6 * _HOUR else _MOST_BARS
    fits = [width for width in _WIDTHS if width * bars >= span_s]
    if not fits:
        return max(_WIDTHS)
    return max(fits[0], _HOUR) if span_s >= 6 * _HOUR else fits[0]


def _caption(requests: FloatArray, hits: FloatArray, width: float) -> str:
    seen = int((requests > 0).sum())
    named = _WIDTHS[width] if _WIDTHS[width][0].isdigit() else f"1 {_WIDTHS[width]}"
    text = f"Requests arrive in {seen:,} of {counted(len(requests), 'interval')} of {named}."
    enough = requests >= _ENOUGH
    if not enough.any():
        return f"{text} No interval holds the {_ENOUGH} requests a hit ratio needs."
    ratio = hits[enough] / requests[enough]
    return (
        f"{text} Where at least {_ENOUGH} arrive, the hit ratio lies between "
        f"{share(float(ratio.min()))} and {share(float(ratio.max()))}; the busiest interval has "
        f"{counted(requests.max(), 'request')}."
    )
