"""``chorus-sim sweep``: every point of a grid, resumable, as one result set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chorus_sim.cli.scenario_options import scenario_changes, scenario_options

if TYPE_CHECKING:
    from chorus_sim.scenario import Scenario
    from chorus_sim.sweep.sweep import Answer
    from chorus_traces.trace import Trace

#: Rows of each part of the table.
_ROWS = 5


@click.command()
@scenario_options("--bounds")
@click.option(
    "--grid",
    required=True,
    metavar="FIELD=VALUES ...",
    help="Fields and values: 'capacity=1GiB..1TiB:8 policy=lru,adaptive gpus=4..64:6'. A range "
    "a..b:n has equal ratios (seeds: equal steps); a..b:n:linear says otherwise.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder; the same command resumes it.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes. [default: all CPUs]")
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Compute on a Ray cluster: HOST:PORT, auto (this machine's), local (start one).",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What stdout gets; all else goes to stderr.",
)
def sweep(
    scenario: str | None,
    changes: tuple[str, ...],
    grid: str,
    out: str,
    jobs: int | None,
    ray: str | None,
    output: str,
    **flags: str | None,
) -> None:
    """Run every point of a grid of scenarios; finished points are never computed again."""
    from functools import partial

    from chorus_sim.cli.load import load_trace
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.outcome import to_json
    from chorus_sim.sweep.best import AIMS, best_points
    from chorus_sim.sweep.fields import WITHOUT_EFFECT
    from chorus_sim.sweep.sweep import Crew, question
    from chorus_sim.sweep.sweep import sweep as sweep_points

    stated = scenario_changes(flags, changes, {"run.bounds": WITHOUT_EFFECT["run.bounds"]})
    asked = question(Path(scenario) if scenario else None, stated, grid)
    folder = Path(out)
    with progress_bars() as progress:
        read = partial(load_trace, progress=progress)
        crew = Crew(
            jobs=jobs or (0 if ray else _cpus()), ray=ray or "", read=read, load=load_quietly
        )
        answer = sweep_points(asked, folder, crew, progress)
    if answer.damaged:
        click.echo(f"computed again: {answer.damaged} damaged lines of finished.log", err=True)
    if output == "json":
        best = {aim: best_points(answer.table, aim, _ROWS) for aim in AIMS}
        facts = {"points": answer.table.num_rows, "found": answer.found, "best": best}
        click.echo(to_json(facts), nl=False)
    else:
        _print(answer)
    for note in answer.engines():
        click.echo(note, err=True)
    computed = answer.table.num_rows - answer.found
    click.echo(f"points: {computed:,} computed, {answer.found:,} found finished", err=True)
    click.echo(f"written: {folder}/ (chorus-sim report {folder}/ explains it)", err=True)


def load_quietly(scenario: "Scenario") -> "Trace":
    """Return the scenario's trace; no progress is shown."""
    from chorus_sim.cli.load import load_trace

    return load_trace(scenario, _quiet)


def _quiet(what: str, done: int, total: int) -> None:
    del what, done, total


def _cpus() -> int:
    import os

    return len(os.sched_getaffinity(0))


def _print(answer: "Answer") -> None:
    from rich import box
    from rich.table import Table

    from chorus_sim.cli.console import wide_console
    from chorus_sim.sweep.best import AIMS, best_points

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    fields = [axis.field for axis in answer.axes]
    for name in ("best by", *fields):
        table.add_column(name)
    for name in ("net value", "saved", "hits", "p95", "SLO met", "$/video, fleet"):
        table.add_column(name, justify="right")
    for aim in AIMS:
        title = {"net_value_usd": "net value", "response_time_s.p95": "response p95"}[aim]
        for row in best_points(answer.table, aim, _ROWS):
            table.add_row(title, *(str(row[name]) for name in fields), *_figures(row))
            title = ""
        table.add_section()
    console = wide_console()
    console.print(table)
    console.print(f"net value: GPU time saved less memory, over the run; prices {answer.prices}")


def _figures(row: dict[str, Any]) -> list[str]:
    return [
        f"${row['net_value_usd']:,.2f}",
        f"{row['gpu_seconds.saved_share']:.1%}",
        f"{row['request_hit_ratio']:.1%}",
        f"{row['response_time_s.p95']:,.1f} s",
        f"{row['slo_attainment']:.1%}",
        f"${row['cost.fleet_usd_per_video']:.4f}",
    ]
