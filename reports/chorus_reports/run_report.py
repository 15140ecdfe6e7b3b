"""The run report: ``report.html``, ``report.md`` and ``figures/`` in a run folder."""

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from chorus_reports.answer import answer, key_numbers
from chorus_reports.bounds_table import bounds_table
from chorus_reports.caution import cautions
from chorus_reports.chart import SETTINGS, Chart
from chorus_reports.finished_run import FinishedRun, read_run
from chorus_reports.not_modelled import NOT_MODELLED
from chorus_reports.plots.cache_bytes import cache_bytes
from chorus_reports.plots.cold_start import cold_start
from chorus_reports.plots.donor_lag import donor_lag
from chorus_reports.plots.donor_similarity import donor_similarity
from chorus_reports.plots.gpu_time import gpu_time
from chorus_reports.plots.hit_kinds import hit_kinds
from chorus_reports.plots.queue_length import queue_length
from chorus_reports.plots.response_time import response_time
from chorus_reports.provenance import sources, what_was_simulated
from chorus_reports.quantities import share
from chorus_reports.replications import replications

#: Charts in the order a reader meets them.
PLOTS: tuple[Callable[[FinishedRun], Chart], ...] = (
    response_time,
    queue_length,
    cold_start,
    hit_kinds,
    gpu_time,
    cache_bytes,
    donor_similarity,
    donor_lag,
)

REPEAT = "chorus-sim run --scenario scenario.toml --out repeat"


def write_report(folder: Path) -> None:
    """Write the report of the run in ``folder`` beside its data.

    The page loads nothing: its style and its drawings are part of it. Raises ``ScenarioError``
    where the folder is not a whole run folder.
    """
    run = read_run(folder)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    with mpl.rc_context(SETTINGS):
        charts = [plot(run) for plot in PLOTS]
        drawings = [chart.write(figures) for chart in charts]
    page = {**_page(run), "charts": list(zip(charts, drawings, strict=True))}
    templates = Environment(
        loader=FunctionLoader(_template),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["md"] = _markdown
    templates.filters["tight"] = _tight
    for name in ("report.html", "report.md"):
        text = templates.get_template(name).render(page)
        (folder / name).write_text(text, encoding="utf-8")


def _page(run: FinishedRun) -> dict[str, Any]:
    """Return everything the templates print besides the charts."""
    summary = run.summary
    longest = max(map(len, re.findall("`+", run.scenario_toml)), default=0)
    misses = summary["misses"]
    seeds, seed_rows = replications(run)
    return {
        "policy": summary["policy"]["name"],
        "trace": Path(summary["trace"]["name"]).name,
        "style": _template("report.css"),
        "cautions": cautions(run),
        "answer": answer(run),
        "key_numbers": key_numbers(run),
        "setting": what_was_simulated(run),
        "table": bounds_table(run),
        "misses": [
            (reason, f"{number:,}", share(number / summary["requests"]))
            for reason, number in misses.items()
        ],
        "seeds": seeds,
        "seed_rows": seed_rows,
        "sources": sources(run),
        "not_modelled": NOT_MODELLED,
        "repeat": REPEAT,
        "scenario_toml": run.scenario_toml,
        "fence": "`" * max(3, longest + 1),
    }


def _template(name: str) -> str:
    return (resources.files("chorus_reports") / "templates" / name).read_text(encoding="utf-8")


def _tight(text: str) -> str:
    """Return ``text`` with numbers and their units kept on one line."""
    return re.sub(r"(?<=\d) (?=(%|s|ms|min|h|[KMGT]?i?B)\b|%)", "\u00a0", text)


def _markdown(text: str) -> str:
    """Return ``text`` with every character escaped that Markdown or HTML would act on."""
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", text.replace("\n", " "))
