"""Donor lag: how many requests lie between a donor and the request it serves."""

import numpy as np
from matplotlib.ticker import NullLocator

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.chart import KIND_COLOURS, Chart, legend_above, new_figure, say
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import count, counted, seconds


def donor_lag(run: FinishedRun) -> Chart:
    """Draw the lag in requests on a log scale, stacked by kind."""
    place = np.arange(run.cut, len(run.kind))
    donor, kinds = run.counted("donor"), run.counted_kind()
    figure, (axes,) = new_figure()
    axes.set_xlabel("requests between donor and request (log scale)")
    served = ~np.isnan(donor)
    title = "Lag of donors"
    if not served.any():
        say(axes, "no donors: nothing is reused")
        caption = "Nothing is reused, so there is no lag."
        return Chart(name="donor-lag", title=title, caption=caption, figure=figure)
    lag = place[served] - donor[served]
    edges = 2.0 ** np.arange(int(np.log2(lag.max())) + 2)
    below = np.zeros(len(edges) - 1)
    for number, kind in enumerate(PLAN_KINDS[:-1]):
        part = np.histogram(lag[kinds[served] == number], edges)[0]
        if not part.any():
            continue
        colour = KIND_COLOURS[kind]
        axes.stairs(below + part, edges, baseline=below, fill=True, color=colour, label=kind)
        below = below + part
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: count(value))
    axes.set_xlim(1, edges[-1])
    axes.set_ylim(0, float(below.max()) * 1.05)
    axes.locator_params(axis="y", integer=True)
    axes.set_ylabel("requests per doubling")
    legend_above(axes)
    arrival = run.records["arrival_s"]
    age_s = arrival[place[served]] - arrival[donor[served].astype(int)]
    return Chart(
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
        figure=figure,
    )
