"""``chorus-sim run``: one scenario, one table, one folder."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "--trace",
    "trace_path",
    metavar="FILE",
    help="Requests: .jsonl, .csv or .parquet, "
    "or sample:NAME for a trace that ships with the package.",
)
@click.option(
    "--policy",
    metavar="NAME|TOML",
    help="A preset (see `chorus-sim policies`) or a file. [default: adaptive]",
)
@click.option(
    "--profile",
    metavar="NAME|JSON",
    help="Stage costs: a preset (see `chorus-sim "
    "profiles`) or a file; several with commas. [default: wan2.1-1.3b-h200]",
)
@click.option(
    "--gpus",
    metavar="N",
    help="Workers, or auto: the fewest that keep the busiest hour "
    "at 80 % without a cache. [default: auto]",
)
@click.option(
    "--capacity",
    metavar="SIZE",
    help="Of the cache: 64GiB, or 5% of what the whole trace would take. [default: 64GiB]",
)
@click.option(
    "--slo",
    metavar="TIME",
    help="Response time to meet: 30s, 2min, or 2x the mean uncached service time. [default: 2x]",
)
@click.option(
    "--bounds",
    metavar="none|basic|all",
    help="Reference runs beside the policy's: no "
    "cache and unbounded, or clairvoyant too. [default: basic]",
)
@click.option(
    "--rate-scale",
    metavar="X",
    help="X times as many users; sessions are never compressed. [default: 1]",
)
@click.option("--seed", metavar="N", help="Of everything random. [default: 0]")
@click.option("--embeddings", metavar="NPY", help="Vectors (requests, width) beside the trace.")
@click.option(
    "--map",
    "field_map",
    metavar="OURS=THEIRS,...",
    help="Names of the trace's fields: prompt=text,timestamp=created_at.",
)
@click.option("--scenario", metavar="TOML", help="A whole scenario; flags change parts of it.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Any field of the scenario; may be repeated.",
)
@click.option(
    "--out", metavar="DIR", help="Folder to write, new or empty. [default: out/TRACE-POLICY]"
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What stdout gets; all else goes to stderr.",
)
def run(
    scenario: str | None,
    changes: tuple[str, ...],
    out: str | None,
    output: str,
    **flags: str | None,
) -> None:
    """Simulate a trace under a policy, beside no cache and an unbounded cache."""
    from chorus_sim.cli.load import SYNTH_PREFIX, load_trace
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.cli.table import print_table, print_timings
    from chorus_sim.experiment import check_names, prepare
    from chorus_sim.outcome import RunFolder, carry_out, to_json, write_outcome
    from chorus_sim.replicate import replicate
    from chorus_sim.scenario_file import read_scenario, with_seed

    resolved = read_scenario(Path(scenario) if scenario else None, _changes(flags, changes))
    check_names(resolved)
    stem = Path(resolved.trace.path.rpartition(":")[2]).name.split(".")[0]
    folder = RunFolder(Path(out) if out else None, f"{stem}-{Path(resolved.policy).stem}")
    with progress_bars() as progress:
        trace = load_trace(resolved, progress)
        prepared = prepare(resolved, trace, progress)
        outcome = carry_out(prepared, progress)
        if resolved.run.replications > 1:
            synthetic = resolved.trace.path.startswith(SYNTH_PREFIX)
            others = (
                with_seed(resolved, resolved.run.seed + number, gpus=prepared.gpus)
                for number in range(resolved.run.replications)
            )
            outcome.summary["replications"] = replicate(
                (
                    prepare(one, load_trace(one, progress) if synthetic else trace, progress)
                    for one in others
                ),
                arrivals="generated" if synthetic else "recorded",
            )
        with folder as partial:
            write_outcome(outcome, partial)
    if output == "json":
        click.echo(to_json(outcome.summary), nl=False)
    else:
        print_table(outcome.summary)
    print_timings(outcome.timings)
    click.echo(f"written: {folder.path}/ (open report.html)", err=True)


#: Which field of the scenario a flag changes.
_FIELDS = {
    "trace_path": "trace.path",
    "policy": "policy",
    "profile": "profile",
    "gpus": "fleet.gpus",
    "capacity": "cache.capacity",
    "slo": "slo.target",
    "bounds": "run.bounds",
    "rate_scale": "trace.rate_scale",
    "seed": "run.seed",
    "embeddings": "trace.embeddings",
    "field_map": "trace.map",
}


def _changes(flags: dict[str, str | None], changes: tuple[str, ...]) -> dict[str, Any]:
    """Return dotted fields and values: flags first, --set after them."""
    stated: dict[str, Any] = {
        _FIELDS[flag]: value for flag, value in flags.items() if value is not None
    }
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals or not field:
            raise click.UsageError(f"--set {change}: write --set section.key=value")
        stated[field.strip()] = value.strip()
    return stated
