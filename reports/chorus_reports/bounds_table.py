"""The table of a run: the policy beside its bounds."""

from collections.abc import Callable
from typing import Any

from chorus_reports.answer import cost_mark, simulated_mark
from chorus_reports.document import Section, Table
from chorus_reports.finished_run import FinishedRun
from chorus_reports.quantities import (
    count,
    dollars,
    gpu_hours,
    mean_seconds,
    seconds,
    share,
    size,
    times,
)

_Column = dict[str, Any]


_GROUPS: dict[str, list[tuple[str, Callable[[_Column], str]]]] = {
    "Hits": [
        ("exact copies", lambda c: count(c["hits"]["copy"])),
        ("regional (full reuse + SRD)", lambda c: count(c["hits"]["regional"])),
        ("resumed (full reuse)", lambda c: count(c["hits"]["resume"])),
        ("fresh (misses)", lambda c: count(c["hits"]["fresh"])),
        ("request hit ratio", lambda c: share(c["request_hit_ratio"])),
    ],
    "GPU time": [
        ("GPU time used", lambda c: gpu_hours(c["gpu_seconds"]["used"])),
        ("GPU time saved", lambda c: gpu_hours(c["gpu_seconds"]["saved"])),
        ("GPU time saved, share", lambda c: share(c["gpu_seconds"]["saved_share"])),
        ("speed-up of mean service", lambda c: times(c["speed_up"]["service"])),
        ("speed-up of mean response", lambda c: times(c["speed_up"]["response"])),
    ],
    "Times": [
        ("response, mean", lambda c: _mean(c["response_time_s"])),
        ("response p50", lambda c: seconds(c["response_time_s"]["p50"])),
        ("response p95", lambda c: seconds(c["response_time_s"]["p95"])),
        ("response p99", lambda c: seconds(c["response_time_s"]["p99"])),
        ("service, mean", lambda c: _mean(c["service_time_s"])),
        ("waiting, mean", lambda c: _mean(c["waiting_time_s"])),
        ("waiting p95", lambda c: seconds(c["waiting_time_s"]["p95"])),
        ("waiting p99", lambda c: seconds(c["waiting_time_s"]["p99"])),
        ("SLO attainment", lambda c: share(c["slo_attainment"])),
        ("goodput per hour", lambda c: f"{c['slo']['goodput_per_s'] * 3600:,.1f}"),
        ("utilisation", lambda c: share(c["utilisation"])),
    ],
    "Bytes": [
        ("bytes occupied at the end", lambda c: size(c["bytes"]["occupied"])),
        ("capacity", lambda c: size(c["bytes"]["capacity"])),
        ("bytes evicted", lambda c: size(c["bytes"]["evicted"])),
        ("evictions", lambda c: count(c["bytes"]["evictions"])),
        ("bytes loaded", lambda c: size(c["bytes"]["loaded"])),
        ("bytes stored", lambda c: size(c["bytes"]["stored"])),
    ],
    "Cost": [
        ("cost per video, GPU time used", lambda c: dollars(c["cost"]["usd_per_video"])),
        ("cost per video, whole fleet", lambda c: dollars(c["cost"]["fleet_usd_per_video"])),
    ],
}

_NOTES = {
    "no_cache": "every request computed in full, with the same arrivals and the same luck; savings "
    "and speed-ups are measured against it.",
    "unbounded": "the policy's reuse with a cache that never evicts. It is not a proven bound: "
    "under similarity a larger cache can hit less. Its memory is priced at what it occupies.",
    "clairvoyant": "the policy's reuse with greedy eviction that knows every later request, in the "
    "same bytes. It is a heuristic, not an optimum: a policy may beat it.",
}


def bounds_section(run: FinishedRun) -> Section:
    """Return the table, what it shows in one line, and a note per bound."""
    bounds = run.summary["bounds"]
    columns = [run.summary, *bounds.values()]
    rows: list[tuple[str, ...]] = []
    for group, cells in _GROUPS.items():
        rows.append((f"{group}, {cost_mark(run) if group == 'Cost' else simulated_mark(run)}",))
        rows += [(name, *(cell(column) for column in columns)) for name, cell in cells]
    names = ["", run.summary["policy"]["name"], *(name.replace("_", " ") for name in bounds)]
    return Section(
        title="Policy beside the bounds",
        paragraphs=(_finding(run),),
        tables=(Table(columns=tuple(names), rows=tuple(rows), lead=True),),
        points=tuple(f"{name.replace('_', ' ')}: {_NOTES[name]}" for name in bounds),
    )


def _finding(run: FinishedRun) -> str:
    bounds = run.summary["bounds"]
    saved = run.summary["gpu_seconds"]["saved"]
    parts = [
        f"{share(saved / bounds[name]['gpu_seconds']['saved'])} of what {name} saves"
        for name in ("unbounded", "clairvoyant")
        if name in bounds and bounds[name]["gpu_seconds"]["saved"] > 0
    ]
    if not bounds:
        return "No bounds were simulated (run.bounds is none): how much is left is unknown."
    if not parts:
        return "No bound saves any GPU time either: nothing in this trace is similar enough."
    return f"In GPU time the policy saves {' and '.join(parts)}."


def _mean(values: dict[str, Any]) -> str:
    """Return a mean with half of its 95 % interval where that is known."""
    interval = values["ci95"]
    half = None if interval is None else (interval[1] - interval[0]) / 2
    return mean_seconds(values["mean"], half)
