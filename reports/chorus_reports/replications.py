"""Replications: the headline figures over several seeds, where a run has them."""

from collections.abc import Callable

from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import counted, seconds, share

_FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "request_hit_ratio": ("request hit ratio", share),
    "saved_share": ("GPU time saved, share", share),
    "response_time_s_mean": ("response, mean", seconds),
    "response_time_s_p95": ("response p95", seconds),
    "waiting_time_s_mean": ("waiting, mean", seconds),
    "slo_attainment": ("SLO attainment", share),
}

_ARRIVALS = {
    "generated": "each has its own arrivals and prompts from the generator",
    "recorded": "all share the recorded arrivals and prompts, so the intervals cover the spread of "
    "stage times and say nothing about another day",
}


def replications(run: FinishedRun) -> tuple[str, list[tuple[str, list[str]]]]:
    """Return a sentence and rows of mean, interval and range; no rows where there was one run."""
    figures = run.summary.get("replications")
    if figures is None:
        return "", []
    rows = []
    for key, (name, text) in _FIGURES.items():
        figure = figures[key]
        interval, values = figure["ci95"], figure["values"]
        between = "unknown" if interval is None else f"{text(interval[0])} to {text(interval[1])}"
        rows.append(
            (name, [text(figure["mean"]), between, f"{text(min(values))} to {text(max(values))}"])
        )
    count = counted(figures["count"], "replication")
    return f"The policy over {count}: {_ARRIVALS[figures['arrivals']]}.", rows
