"""``chorus-sim plan``: how many GPUs and how much memory a goal takes, and what they cost."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chorus_sim.cli.scenario_options import scenario_changes, scenario_options
from chorus_traces.finite import Finite

if TYPE_CHECKING:
    from chorus_sim.scenario import Scenario
    from chorus_traces.trace import Trace


#: Fields of the scenario that a plan does not read.
_WITHOUT_EFFECT = {
    "slo.target": "--slo states it",
    "run.replications": "a plan verifies on seeds of its own",
    "run.bounds": "a plan runs no bounds",
    "prices.gpu_hour_usd": "--prices states it",
}


@click.command()
@scenario_options("--gpus", "--capacity", "--slo", "--bounds", "--rate-scale")
@click.option(
    "--slo", required=True, metavar="METRIC=TIME", help="p95=30s; mean, p50, p90, p95, p99."
)
@click.option(
    "--attainment", type=Finite(), metavar="SHARE", help="Share of requests within the same time."
)
@click.option(
    "--prices",
    required=True,
    metavar="TOML",
    help="[prices] with gpu_hour_usd and gib_hour_usd by tier; [power] where you have it.",
)
@click.option(
    "--growth",
    default="1",
    show_default=True,
    metavar="X,...",
    help="Times as many users; sessions are never compressed.",
)
@click.option(
    "--capacities",
    default="0,16GiB,64GiB,256GiB",
    show_default=True,
    metavar="SIZE,...",
    help="Caches to choose from: 0 is none; 16GiB+disk:1TiB has a lower tier.",
)
@click.option("--gpu-limit", type=int, metavar="N", help="GPUs there are at most.")
@click.option(
    "--seeds",
    type=int,
    default=5,
    show_default=True,
    metavar="N",
    help="Runs of each point; as many fresh ones verify the answer.",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes. [default: all CPUs]")
@click.option("--out", metavar="DIR", help="Folder, new or empty. [default: out/TRACE-plan]")
@click.option(
    "--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def plan(
    scenario: str | None,
    changes: tuple[str, ...],
    slo: str,
    attainment: float | None,
    prices: str,
    growth: str,
    capacities: str,
    gpu_limit: int | None,
    seeds: int,
    jobs: int | None,
    out: str | None,
    output: str,
    **flags: str | None,
) -> None:
    """Find the fewest GPUs and the cheapest cache that meet a goal, at every growth factor."""
    import os
    from functools import partial

    from chorus_reports.plan_report import write_plan_report
    from chorus_sim.cli.load import (
        SYNTH_PREFIX,
        load_trace,
        say_unknown_embedder,
        trace_stem,
    )
    from chorus_sim.cli.plan_table import print_plan
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.experiment import check_names
    from chorus_sim.outcome import RunFolder, to_json
    from chorus_sim.plan.ask import question, study_of
    from chorus_sim.plan.carry_out import carry_out
    from chorus_sim.plan.outcome import nothing_meets, plan_object
    from chorus_sim.scenario_file import read_scenario
    from chorus_sim.sweep.point import on_fastest
    from chorus_traces.errors import ScenarioError

    path = Path(scenario) if scenario else None
    resolved = read_scenario(
        path, on_fastest(path, scenario_changes(flags, changes, _WITHOUT_EFFECT))
    )
    check_names(resolved)
    asked = question(
        resolved,
        slo=slo,
        attainment=attainment,
        growth=growth,
        capacities=capacities,
        prices=Path(prices),
        gpu_limit=gpu_limit,
        seeds=seeds,
    )
    folder = RunFolder(Path(out) if out else None, f"{trace_stem(resolved)}-plan")
    with progress_bars() as progress:
        trace = load_trace(without_preload(asked.scenario), progress)
        generated = resolved.trace.path.startswith(SYNTH_PREFIX)
        days = partial(another_day, asked.scenario) if generated else None
        study = study_of(asked, trace, days)
        findings = carry_out(study, jobs or len(os.sched_getaffinity(0)), progress)
        made = plan_object(study, findings)
        with folder as partial_folder:
            (partial_folder / "plan.json").write_bytes(to_json(made))
            (partial_folder / "scenario.toml").write_text(
                asked.scenario.to_toml(), encoding="utf-8"
            )
            write_plan_report(partial_folder)
    if output == "json":
        click.echo(to_json(made), nl=False)
    else:
        print_plan(made)
    say_unknown_embedder(trace)
    click.echo(f"written: {folder.path}/ (open report.html)", err=True)
    refusal = nothing_meets(made)
    if refusal:
        raise ScenarioError(refusal)


def another_day(scenario: "Scenario", seed: int) -> "Trace":
    """Return the generated trace of another seed; no progress is shown."""
    import msgspec

    from chorus_sim.cli.load import load_trace

    run = msgspec.structs.replace(scenario.run, seed=seed)
    one = without_preload(msgspec.structs.replace(scenario, run=run))
    return load_trace(one, _quiet)


def _quiet(what: str, done: int, total: int) -> None:
    del what, done, total


def without_preload(scenario: "Scenario") -> "Scenario":
    """Return the scenario without its preload: a plan preloads after it has added users."""
    import msgspec

    return msgspec.structs.replace(scenario, run=msgspec.structs.replace(scenario.run, preload=""))
