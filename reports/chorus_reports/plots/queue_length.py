"""Queue length: how many requests wait, and how many GPUs work."""

import numpy as np

from chorus_reports.chart import COLUMN_COLOURS, LIMIT_COLOUR, Chart, legend_above, new_figure
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.quantities import count, seconds, share
from chorus_reports.timeline import Timeline, edges_between, time_unit


def queue_length(run: FinishedRun) -> Chart:
    """Draw the longest queue and the mean number of busy GPUs over the run."""
    waiting, serving = _waiting(run), _serving(run)
    gpus = run.summary["fleet"]["gpus"]
    edges = edges_between(run.begin_s, run.end_s)
    unit, name = time_unit(run.end_s - run.begin_s)
    at = (edges - run.begin_s) / unit
    figure, (axes, below) = new_figure(2, (1.0, 1.0))
    axes.stairs(waiting.highest(edges), at, fill=True, color=COLUMN_COLOURS["unbounded"])
    axes.set_ylim(0, max(1.0, waiting.peak) * 1.08)
    axes.set_ylabel("waiting,\nrequests")
    axes.locator_params(axis="y", integer=True, nbins=4)
    below.stairs(serving.mean(edges), at, fill=True, color=COLUMN_COLOURS["policy"], label="busy")
    below.axhline(gpus, color=LIMIT_COLOUR, linestyle="--", linewidth=1.1, label="fleet")
    below.set_ylim(0, gpus * 1.12)
    below.set_xlim(0, at[-1])
    below.set_ylabel("busy,\nGPUs")
    below.set_xlabel(f"{name} since the first arrival")
    legend_above(below)
    return Chart(
        name="queue-length",
        title="Queue and busy GPUs",
        caption=_caption(run, waiting, serving),
        figure=figure,
    )


def _waiting(run: FinishedRun) -> Timeline:
    arrival, start = run.records["arrival_s"], run.records["start_s"]
    late = start > arrival
    return _timeline(arrival[late], start[late])


def _serving(run: FinishedRun) -> Timeline:
    """Return the busy GPUs; an exact copy answered on arrival takes none."""
    worked = run.records["worker"] >= 0
    start = run.records["start_s"][worked]
    return _timeline(start, start + run.records["held_s"][worked])


def _timeline(begin: FloatArray, end: FloatArray) -> Timeline:
    ones = np.ones(len(begin))
    return Timeline(np.concatenate([begin, end]), np.concatenate([ones, -ones]))


def _caption(run: FinishedRun, waiting: Timeline, serving: Timeline) -> str:
    late = float((run.counted("start_s") > run.counted("arrival_s")).mean())
    gpus = run.summary["fleet"]["gpus"]
    busy = (
        f"GPUs busy at once: at most {count(serving.peak)} of {count(gpus)}; "
        f"utilisation is {share(run.summary['utilisation'])}."
    )
    if waiting.peak == 0:
        return f"No request ever waits. {busy}"
    waited = run.summary["waiting_time_s"]
    return (
        f"{share(late)} of the requests wait, at most {count(waiting.peak)} at once. 95 % wait "
        f"{_at_most(waited['p95'])}, 99 % {_at_most(waited['p99'])}. {busy}"
    )


def _at_most(value: float) -> str:
    return f"{seconds(value)} or less" if value else "not at all"
