"""Hit kinds: how the requests of each hour were answered."""

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import KIND_COLOURS, Panel, Plot, Steps
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


def hit_kinds(run: FinishedRun) -> Plot:
    """Draw the requests of each hour, stacked by kind; a longer or shorter run takes other bars."""
    since = run.records["arrival_s"] - run.begin_s
    span = float(since[-1])
    width = _width(span)
    bars = int(span // width) + 1
    place = (since // width).astype(int)
    edges = np.arange(bars + 1, dtype=np.float64) * width
    counts = [
        np.bincount(place[run.kind == number], minlength=bars).astype(float)
        for number in range(len(PLAN_KINDS))
    ]
    unit, name = time_unit(span)
    requests = np.sum(counts, axis=0)
    series = tuple(
        Steps(name=kind, edges=edges / unit, values=part, colour=KIND_COLOURS[kind])
        for kind, part in zip(PLAN_KINDS, counts, strict=True)
        if part.any()
    )
    return Plot(
        name="hit-kinds",
        title="Hits over time",
        caption=_caption(requests, requests - counts[-1], width),
        panels=(
            Panel(
                series=series,
                y_label=f"requests per {_WIDTHS[width]}",
                y_range=(0.0, float(requests.max()) * 1.05),
                whole=True,
            ),
        ),
        x_label=f"{name} since the first arrival",
        x_range=(0.0, float(edges[-1] / unit)),
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
