"""The sweep report: what saves, what costs, what is fast, and which field matters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chorus_reports.document import Document, Section, Table
from chorus_reports.finished_sweep import CAPACITY, FinishedSweep, read_sweep, short
from chorus_reports.not_modelled import NOT_MODELLED
from chorus_reports.page import write_page
from chorus_reports.plot import Plot
from chorus_reports.quantities import (
    count,
    counted,
    dollars,
    gpu_hours,
    mean_seconds,
    seconds,
    share,
)
from chorus_reports.sweep_plots.curves import p95_by_gpus, saved_by_capacity
from chorus_reports.sweep_plots.heat import heat_map, numeric_fields
from chorus_reports.sweep_plots.pareto import COST, P95, cheapest_first, front, pareto
from chorus_reports.sweep_plots.tornado import swings, tornado

SAVED, ATTAINED = "gpu_seconds.saved", "slo_attainment"
_BEST = 8


def write_sweep(folder: Path) -> None:
    """Write the report of the study in ``folder``.

    Raises ``ScenarioError`` where the folder is not a whole study.
    """
    sweep = read_sweep(folder)
    document = Document(
        title=f"Sweep of {', '.join(map(short, sweep.fields)) or 'one configuration'}",
        answer=tuple(_answer(sweep)),
        cautions=tuple(_cautions(sweep)),
        setting=tuple(_setting(sweep)),
        sections=(
            Section(title="The best", tables=tuple(_tables(sweep))),
            Section(title="Figures", plots=tuple(_plots(sweep))),
            *_sensitivity(sweep),
            Section(title="Where each number is from", tables=(_sources(sweep),)),
            Section(
                title="What is not modelled",
                points=tuple(f"{what}: {meaning}" for what, meaning in NOT_MODELLED.items()),
            ),
            Section(title="The scenario that is varied", code=(sweep.study["scenario"],)),
        ),
    )
    write_page(document, folder)


def _answer(sweep: FinishedSweep) -> list[str]:
    cost, p95, saved = (sweep.metrics[name] for name in (COST, P95, SAVED))
    most, cheap = int(np.argmax(saved)), int(cheapest_first(cost, p95)[0])
    part = share(float(sweep.metrics["gpu_seconds.saved_share"][most]))
    first = (
        f"Of {counted(len(sweep), 'configuration')}, {sweep.name_of(most)} saves most GPU time: "
        f"{gpu_hours(float(saved[most]))} ({part})."
    )
    lines = [first]
    meets = np.flatnonzero(p95 <= sweep.slo_s)
    if len(meets):
        best = int(meets[cheapest_first(cost[meets], p95[meets])[0]])
        lines.append(
            f"The cheapest whose response p95 is within the SLO of {seconds(sweep.slo_s)} is "
            f"{sweep.name_of(best)}: {dollars(float(cost[best]))} per video of the whole fleet, "
            f"p95 {seconds(float(p95[best]))}."
        )
    else:
        lines.append(
            f"None has a response p95 within the SLO of {seconds(sweep.slo_s)}; the fastest, "
            f"{sweep.name_of(int(np.argmin(p95)))}, has {seconds(float(p95.min()))}. The "
            f"cheapest, {sweep.name_of(cheap)}, costs {dollars(float(cost[cheap]))} per video."
        )
    return lines


def _cautions(sweep: FinishedSweep) -> list[str]:
    lines = []
    if sweep.seeds == 1:
        lines.append(
            "One seed per configuration: differences smaller than the spread of a repetition mean "
            "nothing. Add seed=0..4:5 to the grid; 'chorus-sim plan' verifies with intervals."
        )
    busy = int((sweep.metrics["utilisation"] > 0.95).sum())
    if busy:
        lines.append(
            f"{counted(busy, 'configuration is', 'configurations are')} overloaded (utilisation "
            "above 95 %): their response times grow with the length of the trace."
        )
    if len(sweep) > 1:
        lines.append(
            "The best of many is flattered: it was chosen by the numbers that are shown for it."
        )
    return lines


def _setting(sweep: FinishedSweep) -> list[tuple[str, str]]:
    study = sweep.study
    grid = [f"{axis['field']}: {', '.join(map(str, axis['values']))}" for axis in study["axes"]]
    traces = [f"{trace['name']}: {count(trace['requests'])} requests" for trace in study["traces"]]
    return [
        ("grid", "; ".join(grid)),
        ("points", f"{count(sweep.points)}, {counted(sweep.seeds, 'seed')} per configuration"),
        ("trace", "; ".join(traces)),
        ("policies", ", ".join(f"{name} ({mark})" for name, mark in study["policies"].items())),
        (
            "stage costs",
            ", ".join(f"{name} ({_source(study, name)})" for name in study["profiles"]),
        ),
        ("engine", "; ".join((", ".join(sweep.engines), *sweep.engine_notes))),
    ]


def _source(study: dict[str, Any], profile: str) -> str:
    return str(study["profiles"][profile]["source"])


def _tables(sweep: FinishedSweep) -> list[Table]:
    cost, p95, saved = (sweep.metrics[name] for name in (COST, P95, SAVED))
    cheap, prices = cheapest_first(cost, p95), sweep.study["prices"]
    return [
        _table(sweep, f"Cheapest (cost per video of the whole fleet; prices {prices})", cheap),
        _table(sweep, "Fastest (response p95, modelled)", np.argsort(p95)),
        _table(sweep, "Most GPU time saved (modelled)", np.argsort(-saved)),
        _table(sweep, "Beaten by none in cost and p95", front(cost, p95)),
    ]


_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "saved": ("gpu_seconds.saved_share", share),
    "hit ratio": ("request_hit_ratio", share),
    "p95": (P95, seconds),
    "SLO met": (ATTAINED, share),
    "$ per video": (COST, dollars),
}
_P95_COLUMN = list(_COLUMNS).index("p95")


def _table(sweep: FinishedSweep, caption: str, order: Any) -> Table:
    names = [short(field) for field in sweep.fields] or ["configuration"]
    rows = []
    for place in order[:_BEST].tolist():
        own = [sweep.values[field][place] for field in sweep.fields] or [sweep.name_of(place)]
        cells = [text(float(sweep.metrics[name][place])) for name, text in _COLUMNS.values()]
        if sweep.seeds > 1:
            half = float(sweep.spread[P95][place])
            cells[_P95_COLUMN] = mean_seconds(float(sweep.metrics[P95][place]), half)
        rows.append((*own, *cells))
    left_out = len(order) - _BEST
    note = f"{count(left_out)} more are in results.parquet." if left_out > 0 else ""
    if sweep.seeds > 1:
        note += " \u00b1 is half of least to most over the seeds; all else are means over them."
    return Table(caption=caption, columns=(*names, *_COLUMNS), rows=tuple(rows), note=note.strip())


def _plots(sweep: FinishedSweep) -> list[Plot]:
    plots = []
    if CAPACITY in sweep.fields and sweep.numbers(CAPACITY) is not None:
        plots.append(saved_by_capacity(sweep))
    plots.append(pareto(sweep))
    if len(np.unique(sweep.gpus)) > 1:
        plots.append(p95_by_gpus(sweep))
    if len(numeric_fields(sweep)) >= 2:
        plots.append(heat_map(sweep, P95, "Response p95", "seconds", 1.0))
        saved = "gpu_seconds.saved_share"
        plots.append(heat_map(sweep, saved, "GPU time saved", "%", 100.0))
    return plots


def _sensitivity(sweep: FinishedSweep) -> tuple[Section, ...]:
    if not sweep.fields:
        return ()
    table = Table(
        columns=("field", "number", "lowest", "at", "highest", "at"),
        rows=tuple(
            (swing.field, name, text(swing.low), swing.low_at, text(swing.high), swing.high_at)
            for name, metric, text in (
                ("GPU time saved", SAVED, gpu_hours),
                ("response p95", P95, seconds),
                ("cost per video", COST, dollars),
            )
            for swing in swings(sweep, metric)
        ),
        words=True,
        note="Each number is averaged over all configurations that share the field's value.",
    )
    return (
        Section(
            title="Which field matters",
            tables=(table,),
            plots=(
                tornado(sweep, P95, "Sensitivity of response p95", "s", 1.0),
                tornado(sweep, COST, "Sensitivity of cost per video", "$", 1.0),
            ),
        ),
    )


def _sources(sweep: FinishedSweep) -> Table:
    sources = {_source(sweep.study, name) for name in sweep.study["profiles"]}
    weakest = next(mark for mark in ("assumed", "modelled", "measured") if mark in sources)
    mark = "assumed" if weakest == "assumed" else "modelled"
    prices = f"prices {sweep.study['prices']}, times {mark}"
    return Table(
        columns=("numbers", "source", "how"),
        rows=(
            ("stage times", weakest, "Profiles named above; the weakest source counts."),
            ("hits, evictions, GPU time, response", mark, "Simulated on these stage times."),
            ("dollars", prices, "The prices of the scenario; set your own with --set prices."),
        ),
        words=True,
    )
