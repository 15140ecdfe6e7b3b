"""Queue length: how many requests wait, and how many GPUs work."""

import numpy as np

from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import COLUMN_COLOURS, Limit, Panel, Plot, Steps
from chorus_reports.quantities import count, seconds, share
from chorus_reports.timeline import Timeline, edges_between, time_unit


def queue_length(run: FinishedRun) -> Plot:
    """Draw the longest queue and the mean number of busy GPUs over the run."""
    waiting, serving = _waiting(run), _serving(run)
    gpus = run.summary["fleet"]["gpus"]
    edges = edges_between(run.begin_s, run.end_s)
    unit, name = time_unit(run.end_s - run.begin_s)
    at = (edges - run.begin_s) / unit
    queue = Steps(
        name="waiting",
        edges=at,
        values=waiting.highest(edges),
        colour=COLUMN_COLOURS["unbounded"],
    )
    busy = Steps(name="busy", edges=at, values=serving.mean(edges), colour=COLUMN_COLOURS["policy"])
    return Plot(
        name="queue-length",
        title="Queue and busy GPUs",
        caption=_caption(run, waiting, serving),
        panels=(
            Panel(
                series=(queue,),
                y_label="waiting,\nrequests",
                y_range=(0, max(1.0, waiting.peak) * 1.08),
                whole=True,
            ),
            Panel(
                series=(busy, Limit(name="fleet", at=gpus)),
                y_label="busy,\nGPUs",
                y_range=(0, gpus * 1.2),
            ),
        ),
        x_label=f"{name} since the first arrival",
        x_range=(0, float(at[-1])),
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
    """Return how many are between begin and end; sums of instants are exact to the microsecond."""
    ones = np.ones(len(begin))
    instants = np.round(np.concatenate([begin, end]), 6)
    return Timeline(instants, np.concatenate([ones, -ones]))


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
