"""``chorus-sim run``: one scenario, one table, one folder."""

from pathlib import Path

import click

from chorus_sim.cli.scenario_options import scenario_changes, scenario_options


@click.command()
@scenario_options()
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
@click.option(
    "--explain",
    is_flag=True,
    help="Find out why requests missed, and what more memory and one GPU more would be worth; "
    "takes up to three further runs.",
)
def run(
    scenario: str | None,
    changes: tuple[str, ...],
    out: str | None,
    output: str,
    explain: bool,
    **flags: str | None,
) -> None:
    """Simulate a trace under a policy, beside no cache and an unbounded cache."""
    from chorus_reports.run_report import write_report
    from chorus_sim.cli.load import (
        SYNTH_PREFIX,
        load_trace,
        say_unknown_embedder,
        trace_stem,
    )
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.cli.table import print_table, print_timings
    from chorus_sim.experiment import check_names, prepare
    from chorus_sim.outcome import RunFolder, carry_out, to_json, write_outcome
    from chorus_sim.replicate import replicate
    from chorus_sim.scenario_file import read_scenario, with_seed
    from chorus_sim.stopped import StoppedError, write_stopped
    from chorus_traces.errors import PolicyError

    resolved = read_scenario(Path(scenario) if scenario else None, scenario_changes(flags, changes))
    check_names(resolved)
    name = f"{trace_stem(resolved)}-{Path(resolved.policy).stem}"
    folder = RunFolder(Path(out) if out else None, name)
    with progress_bars() as progress:
        trace = load_trace(resolved, progress)
        prepared = prepare(resolved, trace, progress)
        try:
            outcome = carry_out(prepared, progress, explained=explain)
        except StoppedError as error:
            with folder as partial:
                ids = [request.id for request in trace.requests]
                write_stopped(error, ids, resolved.to_toml(), partial)
            raise PolicyError(f"{error}; what was measured so far is in {folder.path}/") from error
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
            write_report(partial)
    if output == "json":
        click.echo(to_json(outcome.summary), nl=False)
    else:
        print_table(outcome.summary)
    note = outcome.summary["engine"].get("note")
    if note and resolved.run.engine == "compiled":
        click.echo(f"engine: simpy carried out the policy's run: {note}", err=True)
    print_timings(outcome.timings)
    say_unknown_embedder(trace)
    click.echo(f"written: {folder.path}/ (open report.html)", err=True)
