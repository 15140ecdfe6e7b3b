"""Cautions: what must be read before the numbers of a run are believed."""

from itertools import pairwise
from typing import Any

import numpy as np

from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import count, counted, seconds, share

#: A fleet busier than this has no reserve: queues grow with the smallest burst.
OVERLOADED = 0.95

#: Fewer hits than this, or a lower ratio, say little about a policy.
FEW_HITS, LOW_RATIO = 30, 0.05

#: Requests a trace needs before its cold start stops dominating.
SHORT_TRACE = 1000

_QUARTERS = 4


def cautions(run: FinishedRun) -> list[str]:
    """Return one line per reason for doubt, the gravest first."""
    lines = [
        _overload(run),
        _overloaded_baseline(run),
        _few_hits(run),
        _short(run),
        _interval(run),
        _embedder(run),
        _warm_up(run),
    ]
    return [line for line in lines if line]


def waiting_grows(run: FinishedRun) -> tuple[float, float] | None:
    """Return the mean waiting of the first and last quarter of requests where it grows.

    It grows when each quarter waits longer than the one before, the last at least twice as long as
    the first and longer than a mean service.
    """
    waiting = run.counted("start_s") - run.counted("arrival_s")
    if len(waiting) < 5 * _QUARTERS:
        return None
    means = [float(part.mean()) for part in np.array_split(waiting, _QUARTERS)]
    rises = all(before < after for before, after in pairwise(means))
    served = run.summary["service_time_s"]["mean"]
    if rises and means[-1] > max(2 * means[0], served):
        return means[0], means[-1]
    return None


def overloaded(column: dict[str, Any]) -> bool:
    """Tell whether the fleet of a column is busy all the time, or waits longer than it serves.

    A fleet that is idle at night can be overloaded by day: its utilisation alone hides that.
    """
    waiting, service = column["waiting_time_s"]["mean"], column["service_time_s"]["mean"]
    return bool(waiting > service or (waiting > 0 and column["utilisation"] > OVERLOADED))


def _overload(run: FinishedRun) -> str:
    grows, summary = waiting_grows(run), run.summary
    if grows is None and not overloaded(summary):
        return ""
    busy = share(summary["utilisation"])
    waiting = seconds(summary["waiting_time_s"]["mean"])
    served = seconds(summary["service_time_s"]["mean"])
    text = f"The fleet is overloaded: utilisation is {busy}, requests wait {waiting} on average "
    text += f"for a service of {served}"
    if grows is not None:
        text += (
            f", and mean waiting grows from {seconds(grows[0])} in the first quarter of requests "
            f"to {seconds(grows[1])} in the last"
        )
    return (
        f"{text}. Response times, SLO attainment and their speed-up then depend on how long the "
        "overload lasts; add GPUs (--gpus) before using them. GPU time saved still holds."
    )


def _overloaded_baseline(run: FinishedRun) -> str:
    before = run.summary["bounds"].get("no_cache")
    if before is None or not overloaded(before):
        return ""
    return (
        f"Without a cache the same fleet is overloaded (utilisation "
        f"{share(before['utilisation'])}, mean waiting "
        f"{seconds(before['waiting_time_s']['mean'])}): the speed-up of response "
        "compares with a queue that grows while the overload lasts. Use the speed-up of service "
        "instead."
    )


def _few_hits(run: FinishedRun) -> str:
    hits = run.summary["requests"] - run.summary["hits"]["fresh"]
    ratio = run.summary["request_hit_ratio"]
    if hits >= FEW_HITS and ratio >= LOW_RATIO:
        return ""
    if hits == 0:
        return "No request hits: this run says nothing about what the cache would save."
    return (
        f"Few hits: {count(hits)} ({share(ratio)}). Savings rest on these alone and would look "
        "different on another day of the same traffic."
    )


def _short(run: FinishedRun) -> str:
    requests = run.summary["trace"]["requests"]
    if requests >= SHORT_TRACE:
        return ""
    return (
        f"Short trace: {counted(requests, 'request')}, fewer than {SHORT_TRACE:,}. The cache is "
        "cold for much of it, and one unusual session moves every number."
    )


def _interval(run: FinishedRun) -> str:
    mine = run.summary["response_time_s"]["ci95"]
    if mine is None:
        return (
            "The interval of the mean response is unknown: batch means need 20 requests after the "
            "warm-up. Differences of this run cannot be told from chance."
        )
    before = run.summary["bounds"].get("no_cache")
    old = None if before is None else before["response_time_s"]["ci95"]
    if old is None or mine[1] < old[0] or mine[0] > old[1]:
        return ""
    return (
        f"The 95 % intervals of the mean response with the cache ({_span(mine)}) and without it "
        f"({_span(old)}) overlap: the difference is not called a gain."
    )


def _embedder(run: FinishedRun) -> str:
    if run.summary["trace"]["embedder"] is not None:
        return ""
    return (
        "Nobody says which model made the trace's embeddings: the policy's similarity thresholds "
        "may not fit them, and then hits and savings mean nothing."
    )


def _warm_up(run: FinishedRun) -> str:
    cut, suggested = run.cut, run.summary["warm_up"]["mser5_suggests"]
    requests = run.summary["trace"]["requests"]
    if suggested <= cut or suggested < 0.1 * requests:
        return ""
    return (
        f"MSER-5 suggests discarding the first {count(suggested)} requests as warm-up; "
        f"{count(cut)} are discarded. Try --set run.warm_up=mser5 and see whether the numbers hold."
    )


def _span(interval: list[float]) -> str:
    return f"{seconds(interval[0])} to {seconds(interval[1])}"
