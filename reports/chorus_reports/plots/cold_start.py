"""Cold start: the hit ratio as the run goes on, beside the bounds."""

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.finished_run import FinishedRun
from chorus_reports.plot import COLUMN_COLOURS, KIND_COLOURS, Dash, Panel, Plot, Steps
from chorus_reports.quantities import count, counted, share

#: With fewer points than this the policy's own curve is drawn finer from its records.
_FEW_POINTS = 3
_FINE_POINTS = 20
_STYLES: dict[str, Dash] = {"policy": "solid", "unbounded": "dashed", "clairvoyant": "dotted"}


def cold_start(run: FinishedRun) -> Plot:
    """Draw the hit ratio of each thousand requests, the warm-up included."""
    columns = {name: column for name, column in run.columns().items() if name != "no_cache"}
    points = run.summary["cold_start"]
    edges = np.array([0, *(point["first"] + point["requests"] for point in points)], dtype=float)
    series = []
    if len(points) < _FEW_POINTS and len(run.kind) >= 2 * _FINE_POINTS:
        size = -(-len(run.kind) // _FINE_POINTS)
        fine = np.append(np.arange(0, len(run.kind), size), len(run.kind))
        hit = (run.kind != PLAN_KINDS.index("fresh")).astype(float)
        ratios = np.add.reduceat(hit, fine[:-1]) / np.diff(fine)
        series.append(
            Steps(
                name=f"by {size} requests",
                edges=fine.astype(float),
                values=ratios,
                colour=KIND_COLOURS["fresh"],
                filled=False,
                width=1.0,
            )
        )
    series += [
        Steps(
            name=name,
            edges=edges,
            values=np.array([point["request_hit_ratio"] for point in column["cold_start"]]),
            colour=COLUMN_COLOURS[name],
            filled=False,
            dash=_STYLES[name],
        )
        for name, column in reversed(columns.items())
    ]
    return Plot(
        name="cold-start",
        title="Cold start",
        caption=_caption(run, columns),
        panels=(Panel(series=tuple(series), y_label="request hit ratio", y_range=(0.0, 1.03)),),
        x_label="requests since the run began",
        x_range=(0.0, float(edges[-1])),
    )


def _caption(run: FinishedRun, columns: dict[str, dict[str, object]]) -> str:
    points = run.summary["cold_start"]
    if len(points) == 1:
        text = (
            f"Of {counted(points[0]['requests'], 'request')} "
            f"{share(points[0]['request_hit_ratio'])} hit; the trace is too short to tell "
            "a cold cache from a warm one."
        )
    else:
        first, last = points[0], points[-1]
        text = (
            f"The first {counted(first['requests'], 'request')} hit in "
            f"{share(first['request_hit_ratio'])} of cases, the last "
            f"{count(last['requests'])} in {share(last['request_hit_ratio'])}."
        )
    if "unbounded" in columns:
        text += " 'unbounded' is not a proven bound: a larger cache can hit less."
    if "clairvoyant" in columns:
        text += " 'clairvoyant' is a heuristic that knows the future."
    return text
