"""Response time: the policy's distribution, and three percentiles of each bound."""

import numpy as np

from chorus_reports.finished_run import FinishedRun
from chorus_reports.plot import (
    COLUMN_COLOURS,
    Limit,
    Line,
    Marker,
    Panel,
    Plot,
    Series,
    log_ticks,
)
from chorus_reports.quantities import seconds, share

_POINTS = 400
_PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_MARKERS: dict[str, Marker] = {
    "policy": "circle",
    "no_cache": "square",
    "unbounded": "triangle",
    "clairvoyant": "diamond",
}
_LEAST_S = 1e-3


def response_time(run: FinishedRun) -> Plot:
    """Draw the share of requests answered within a time."""
    response = np.maximum(run.counted("finish_s") - run.counted("arrival_s"), _LEAST_S)
    shares = np.linspace(0.0, 1.0, min(_POINTS, max(2, len(response))))
    values = np.quantile(response, shares)
    columns = run.columns()
    slo_s = run.summary["slo"]["target_s"]
    tail = max(column["response_time_s"]["p99"] for column in columns.values())
    series: list[Series] = [
        Line(name="", x=values, y=shares, colour=COLUMN_COLOURS["policy"]),
    ]
    for name, column in reversed(columns.items()):
        marks = [max(column["response_time_s"][key], _LEAST_S) for key in _PERCENTILES]
        series.append(
            Line(
                name=name.replace("_", " "),
                x=np.array(marks),
                y=np.array(list(_PERCENTILES.values())),
                colour=COLUMN_COLOURS[name],
                joined=False,
                marker=_MARKERS[name],
                marker_size=4 if name == "policy" else 5.5,
                notes=tuple(_PERCENTILES),
            )
        )
    wide = tail > 20 * float(np.quantile(response, 0.05))
    left = float(np.quantile(response, 0.002)) / 1.3 if wide else 0.0
    right = max(tail, min(slo_s, 2.5 * tail)) * (1.5 if wide else 1.06)
    if left <= slo_s <= right:
        series.append(Limit(name="SLO", at=slo_s, axis="x"))
    return Plot(
        name="response-time",
        title="Response time",
        caption=_caption(run, slo_s),
        panels=(Panel(series=tuple(series), y_label="share of requests", y_range=(0.0, 1.03)),),
        x_label="response time, seconds" + (" (log scale)" if wide else ""),
        x_range=(left, right),
        x_log=wide,
        x_ticks=log_ticks(left, right) if wide else (),
    )


def _caption(run: FinishedRun, slo_s: float) -> str:
    summary, bounds = run.summary, run.summary["bounds"]
    mine = summary["response_time_s"]
    text = (
        f"Half of the requests are answered within {seconds(mine['p50'])}, 95 % within "
        f"{seconds(mine['p95'])}, 99 % within {seconds(mine['p99'])}; "
        f"{share(summary['slo_attainment'])} meet the SLO of {seconds(slo_s)}."
    )
    if "no_cache" in bounds:
        before = bounds["no_cache"]["response_time_s"]
        text += (
            f" Without a cache: {seconds(before['p50'])}, {seconds(before['p95'])} and "
            f"{seconds(before['p99'])}. Markers are p50, p95 and p99; of the bounds only these "
            "are kept."
        )
    return text
