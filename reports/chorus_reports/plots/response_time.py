"""Response time: the policy's distribution, and three percentiles of each bound."""

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from chorus_reports.chart import COLUMN_COLOURS, LIMIT_COLOUR, Chart, legend_above, new_figure
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import seconds, share

_POINTS = 400
_PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_MARKERS = {"policy": "o", "no_cache": "s", "unbounded": "^", "clairvoyant": "D"}
_LEAST_S = 1e-3


def response_time(run: FinishedRun) -> Chart:
    """Draw the share of requests answered within a time."""
    response = np.maximum(run.counted("finish_s") - run.counted("arrival_s"), _LEAST_S)
    shares = np.linspace(0.0, 1.0, min(_POINTS, max(2, len(response))))
    values = np.quantile(response, shares)
    columns = run.columns()
    slo_s = run.summary["slo"]["target_s"]
    tail = max(column["response_time_s"]["p99"] for column in columns.values())
    figure, (axes,) = new_figure()
    axes.plot(values, shares, color=COLUMN_COLOURS["policy"])
    for name, column in columns.items():
        marks = [max(column["response_time_s"][key], _LEAST_S) for key in _PERCENTILES]
        axes.plot(
            marks,
            list(_PERCENTILES.values()),
            _MARKERS[name],
            color=COLUMN_COLOURS[name],
            markersize=4 if name == "policy" else 5.5,
            zorder=4 if name == "policy" else 3,
            label=name.replace("_", " "),
        )
    wide = tail > 20 * float(np.quantile(response, 0.05))
    left = float(np.quantile(response, 0.002)) / 1.3 if wide else 0.0
    right = max(tail, min(slo_s, 2.5 * tail)) * (1.5 if wide else 1.06)
    if wide:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if right < 300 * left else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    if left <= slo_s <= right:
        axes.axvline(slo_s, color=LIMIT_COLOUR, linestyle="--", linewidth=1.1, label="SLO")
    axes.set_xlim(left, right)
    axes.set_ylim(0.0, 1.03)
    axes.set_xlabel("response time, seconds" + (" (log scale)" if wide else ""))
    axes.set_ylabel("share of requests")
    legend_above(axes, 5)
    return Chart(
        name="response-time",
        title="Response time",
        caption=_caption(run, slo_s),
        figure=figure,
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
