"""The table a run prints."""

from collections.abc import Callable
from typing import Any

import click
from rich import box
from rich.table import Table

from chorus_reports.quantities import size
from chorus_sim.cli.console import wide_console

Column = dict[str, Any]


def _share(value: float) -> str:
    return f"{value:.1%}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s" if value < 1e5 else f"{value / 3600:,.1f} h"


def _hours(value: float) -> str:
    return f"{value / 3600:,.2f} h"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}x"


def _with_interval(values: dict[str, Any]) -> str:
    if values["ci95"] is None:
        return _seconds(values["mean"])
    half = (values["ci95"][1] - values["ci95"][0]) / 2
    return f"{values['mean']:,.1f} ± {half:,.1f} s"


#: Rows of the table: what it is called, and how it is read off a column. ``None`` is a rule.
_ROWS: list[tuple[str, Callable[[Column], str]] | None] = [
    ("exact copies", lambda c: f"{c['hits']['copy']:,}"),
    ("regional (full reuse + SRD)", lambda c: f"{c['hits']['regional']:,}"),
    ("resumed (full reuse)", lambda c: f"{c['hits']['resume']:,}"),
    ("fresh (misses)", lambda c: f"{c['hits']['fresh']:,}"),
    ("request hit ratio", lambda c: _share(c["request_hit_ratio"])),
    None,
    ("GPU time used", lambda c: _hours(c["gpu_seconds"]["used"])),
    ("GPU time saved", lambda c: _hours(c["gpu_seconds"]["saved"])),
    ("GPU time saved, share", lambda c: _share(c["gpu_seconds"]["saved_share"])),
    ("speed-up of mean service", lambda c: _times(c["speed_up"]["service"])),
    ("speed-up of mean response", lambda c: _times(c["speed_up"]["response"])),
    None,
    ("response mean ± 95 %", lambda c: _with_interval(c["response_time_s"])),
    ("response p50", lambda c: _seconds(c["response_time_s"]["p50"])),
    ("response p95", lambda c: _seconds(c["response_time_s"]["p95"])),
    ("response p99", lambda c: _seconds(c["response_time_s"]["p99"])),
    ("waiting mean ± 95 %", lambda c: _with_interval(c["waiting_time_s"])),
    ("waiting p50", lambda c: _seconds(c["waiting_time_s"]["p50"])),
    ("waiting p95", lambda c: _seconds(c["waiting_time_s"]["p95"])),
    ("waiting p99", lambda c: _seconds(c["waiting_time_s"]["p99"])),
    ("SLO attainment", lambda c: _share(c["slo_attainment"])),
    ("utilisation", lambda c: _share(c["utilisation"])),
    None,
    ("bytes occupied", lambda c: size(c["bytes"]["occupied"])),
    ("capacity", lambda c: size(c["bytes"]["capacity"])),
    ("bytes evicted", lambda c: size(c["bytes"]["evicted"])),
    ("cost per video", lambda c: f"${c['cost']['usd_per_video']:.4f}"),
    ("cost per video, whole fleet", lambda c: f"${c['cost']['fleet_usd_per_video']:.4f}"),
]


def _predicted(part: str) -> Callable[[Column], str]:
    """Return how to read the expected share of acceptable clips; ``part`` is a kind or all."""

    def read(column: Column) -> str:
        quality = column["quality"]
        found = quality["reused"] if part == "all" else quality["by_kind"].get(part)
        if found is None or found["share"] is None:
            return "unknown" if found and found["requests"] else "-"
        return f"{found['share']:.0%} [{found['low']:.0%}, {found['high']:.0%}]"

    return read


def _known(column: Column) -> str:
    reused = column["quality"]["reused"]
    return f"{reused['known']:,} of {reused['requests']:,}"


#: Rows of a run with a quality curve.
_QUALITY_ROWS: list[tuple[str, Callable[[Column], str]]] = [
    ("acceptable, of clips with reuse", _predicted("all")),
    ("acceptable, of regional", _predicted("regional")),
    ("acceptable, of resumed", _predicted("resume")),
    ("clips with reuse that the curve knows", _known),
]


def _false_hits(column: Column) -> str:
    found = column.get("judgements")
    if found is None or found["false_hit_rate"] is None:
        return "-"
    low, high = found["false_hit_rate_ci95"]
    return f"{found['false_hit_rate']:.1%} [{low:.1%}, {high:.1%}]"


def _judged(key: str) -> Callable[[Column], str]:
    """Return how to read a count off the judgements."""
    return lambda column: f"{column['judgements'][key]:,}" if "judgements" in column else "-"


#: Rows of a run whose results are judged.
_JUDGED_ROWS: list[tuple[str, Callable[[Column], str]]] = [
    ("results judged", _judged("judged")),
    ("false hits, judged or not", _judged("false_hits")),
    ("false-hit rate, of requests with a donor", _false_hits),
]


def print_table(summary: dict[str, Any]) -> None:
    """Print the summary: the policy's column beside one per bound."""
    console = wide_console()
    for line in heading(summary):
        console.print(line)
    columns = {summary["policy"]["name"]: summary, **summary["bounds"]}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for row in _ROWS:
        if row is None:
            table.add_section()
        else:
            table.add_row(row[0], *(row[1](column) for column in columns.values()))
    if "quality" in summary:
        table.add_section()
        for row in _QUALITY_ROWS:
            table.add_row(row[0], *(row[1](column) for column in columns.values()))
    if "judgements" in summary:
        table.add_section()
        for row in _JUDGED_ROWS:
            table.add_row(row[0], *(row[1](column) for column in columns.values()))
    table.add_section()
    for place, point in enumerate(summary["cold_start"]):
        name = f"hit ratio, requests {point['first']:,}-{point['first'] + point['requests'] - 1:,}"
        cells = [
            _share(column["cold_start"][place]["request_hit_ratio"]) for column in columns.values()
        ]
        table.add_row(name, *cells)
    console.print(table)
    most = summary.get("upper_bound")
    if most is not None:
        console.print(
            f"upper bound  no eviction under this reuse rule and capacity saves more than "
            f"{_hours(most['saved_s'])} ({_share(most['saved_share'])}); proven"
        )
    for line in _replications(summary):
        console.print(line)


def _replications(summary: dict[str, Any]) -> list[str]:
    """Return the intervals over replications, where there are any."""
    figures = summary.get("replications")
    if figures is None:
        return []
    lines = [f"over {figures['count']} replications ({figures['arrivals']} arrivals), 95 %:"]
    for name, figure in figures.items():
        if isinstance(figure, dict):
            low, high = figure["ci95"]
            lines.append(f"  {name:24} {figure['mean']:.4f}  [{low:.4f}, {high:.4f}]")
    return lines


def heading(summary: dict[str, Any]) -> list[str]:
    """Return what was simulated, in lines that mark where each number is from."""
    trace, fleet, warm_up = summary["trace"], summary["fleet"], summary["warm_up"]
    auto = " (auto: busiest hour at 80 % uncached)" if fleet["auto"] else ""
    traced = f"{trace['requests']:,} requests over {trace['span_s'] / 3600:.1f} h"
    cut = f"warm-up {warm_up['method']}, {warm_up['discarded']} requests discarded"
    target = f"SLO {summary['slo']['target_s']:.1f} s"
    return [
        f"trace    {trace['name']}: {traced}, embedded by {trace['embedder'] or 'unknown'}",
        f"policy   {summary['policy']['name']} ({summary['policy']['fingerprint']})",
        (
            f"costs    {summary['profile']['name']}: {summary['profile']['source']}; "
            f"prices {summary['cost']['source']}"
        ),
        *_quality_heading(summary),
        f"fleet    {fleet['gpus']} GPUs{auto}; {target}",
        f"window   {cut} (MSER-5 suggests {warm_up['mser5_suggests']})",
    ]


def _quality_heading(summary: dict[str, Any]) -> list[str]:
    """Return where predicted quality comes from, and what full compute reaches there."""
    quality = summary.get("quality")
    if quality is None:
        return []
    plain = quality["full_compute"]
    reached = "not measured" if plain is None else f"{plain['share']:.0%}"
    lines = [f"quality  {quality['label']}; full compute reaches {reached}"]
    judged = summary.get("judgements")
    if judged is not None:
        delta = judged["delta"]
        budget = "no error budget" if delta is None else f"error budget delta {delta:.0%}"
        lines.append(f"judged   {judged['share']:.0%} of reused results, by that curve; {budget}")
    return lines


def print_timings(timings: dict[str, dict[str, float]]) -> None:
    """Print the simulation loop's CPU time to stderr: it depends on the machine."""
    parts = [
        f"{name} {timing['cpu_s']:.2f} s ({timing['requests_per_cpu_s']:,.0f} requests/s)"
        for name, timing in timings.items()
    ]
    click.echo("simulation loop, CPU: " + ", ".join(parts), err=True)
