"""Donor lag: how many requests lie between a donor and the request it serves."""

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import KIND_COLOURS, Panel, Plot, Steps, log_ticks
from chorus_reports.quantities import count, counted, seconds


def donor_lag(run: FinishedRun) -> Plot:
    """Draw the lag in requests on a log scale, stacked by kind."""
    place = np.arange(run.cut, len(run.kind))
    donor, kinds = run.counted("donor"), run.counted_kind()
    served = ~np.isnan(donor)
    title, label = "Lag of donors", "requests between donor and request (log scale)"
    if not served.any():
        return Plot(
            name="donor-lag",
            title=title,
            caption="Nothing is reused, so there is no lag.",
            panels=(Panel(series=(), y_label=""),),
            x_label=label,
            nothing="no donors: nothing is reused",
        )
    lag = place[served] - donor[served]
    edges: FloatArray = 2.0 ** np.arange(int(np.log2(lag.max())) + 2, dtype=np.float64)
    parts = {
        kind: np.histogram(lag[kinds[served] == number], edges)[0]
        for number, kind in enumerate(PLAN_KINDS[:-1])
    }
    series = tuple(
        Steps(name=kind, edges=edges, values=part.astype(float), colour=KIND_COLOURS[kind])
        for kind, part in parts.items()
        if part.any()
    )
    most = float(np.sum(list(parts.values()), axis=0).max())
    arrival = run.records["arrival_s"]
    age_s = arrival[place[served]] - arrival[donor[served].astype(int)]
    return Plot(
        name="donor-lag",
        title=title,
        caption=(
            f"Half of the donors arrived at most {counted(np.median(lag), 'request')} "
            f"({seconds(float(np.median(age_s)))}) earlier, 95 % at most "
            f"{count(np.percentile(lag, 95))} ({seconds(float(np.percentile(age_s, 95)))}). "
            "No donor can lie further back than the cache remembers."
            if len(lag) >= 20
            else f"{counted(len(lag), 'donor')}: too few to say how far back they lie."
        ),
        panels=(
            Panel(
                series=series,
                y_label="requests per doubling",
                y_range=(0.0, most * 1.05),
                whole=True,
            ),
        ),
        x_label=label,
        x_range=(1.0, float(edges[-1])),
        x_log=True,
        x_ticks=log_ticks(1.0, float(edges[-1])),
    )
