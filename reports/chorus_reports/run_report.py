"""The run report: ``report.html``, ``report.md`` and ``figures/`` in a run folder."""

from collections.abc import Callable
from pathlib import Path

from chorus_reports.answer import answer, key_numbers
from chorus_reports.bounds_table import bounds_section
from chorus_reports.caution import cautions
from chorus_reports.document import Document, Section, Table
from chorus_reports.explanations import explanation_sections
from chorus_reports.finished_run import FinishedRun, read_run
from chorus_reports.not_modelled import NOT_MODELLED
from chorus_reports.page import write_page
from chorus_reports.plot import Plot
from chorus_reports.plots.cache_bytes import cache_bytes
from chorus_reports.plots.cold_start import cold_start
from chorus_reports.plots.donor_lag import donor_lag
from chorus_reports.plots.donor_similarity import donor_similarity
from chorus_reports.plots.gpu_time import gpu_time
from chorus_reports.plots.hit_kinds import hit_kinds
from chorus_reports.plots.queue_length import queue_length
from chorus_reports.plots.response_time import response_time
from chorus_reports.provenance import sources, what_was_simulated
from chorus_reports.replications import replications
from chorus_reports.stage_times import stage_section

#: Plots in the order a reader meets them.
PLOTS: tuple[Callable[[FinishedRun], Plot], ...] = (
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

    The page loads nothing: its style, its drawings and what draws them are part of it. Raises
    ``ScenarioError`` where the folder is not a whole run folder.
    """
    run = read_run(folder)
    policy, trace = run.summary["policy"]["name"], Path(run.summary["trace"]["name"]).name
    document = Document(
        title=f"{policy} on {trace}",
        answer=tuple(answer(run)),
        cautions=tuple(cautions(run)),
        key_numbers=tuple(key_numbers(run)),
        setting=tuple(what_was_simulated(run)),
        sections=(
            bounds_section(run),
            *explanation_sections(run),
            stage_section(run),
            *_replications(run),
            Section(title="Figures", plots=tuple(plot(run) for plot in PLOTS)),
            Section(
                title="Where each number is from",
                tables=(
                    Table(
                        columns=("numbers", "source", "how"), rows=tuple(sources(run)), words=True
                    ),
                ),
            ),
            Section(
                title="What is not modelled",
                points=tuple(f"{what}: {meaning}" for what, meaning in NOT_MODELLED.items()),
            ),
            Section(
                title="Repeat it",
                paragraphs=(
                    (
                        "Paths in the scenario are relative to the folder the run was started "
                        "from; run it there."
                    ),
                ),
                code=(REPEAT, run.scenario_toml),
            ),
        ),
    )
    write_page(document, folder)


def _replications(run: FinishedRun) -> tuple[Section, ...]:
    sentence, rows = replications(run)
    if not rows:
        return ()
    table = Table(
        columns=("", "mean", "95 % interval", "least to most"),
        rows=tuple((name, *cells) for name, cells in rows),
    )
    return (Section(title="Replications", paragraphs=(sentence,), tables=(table,)),)
