"""``chorus-sim tune``: search a policy's parts and numbers, and verify the find."""

from functools import partial
from pathlib import Path

import click

from chorus_sim.cli.scenario_options import scenario_changes, scenario_options
from chorus_traces.finite import Finite

#: Fields that a search does not read.
_WITHOUT_EFFECT = {
    "run.bounds": "a search runs no bounds",
    "run.replications": "a trial is one run",
}


@click.command()
@scenario_options("--bounds", "--preload")
@click.option(
    "--space",
    default="adaptive",
    show_default=True,
    metavar="NAME|TOML",
    help="Which keys may change, and to what: adaptive, bands, sizing, or a file.",
)
@click.option(
    "--objective",
    default="net_value",
    show_default=True,
    metavar="A,B,...",
    help="net_value (GPU time saved less memory), p95 (response time), saved (share of GPU time), "
    "quality (share of clips acceptable, needs --quality); "
    "several are weighed against each other, the first decides.",
)
@click.option("--trials", type=click.IntRange(1), default=100, show_default=True, metavar="N")
@click.option(
    "--holdout",
    type=Finite(0.1, 0.9),
    default=0.5,
    show_default=True,
    metavar="SHARE",
    help="Last part of the trace, kept from the trials, on which the find is verified.",
)
@click.option("--out", required=True, metavar="TOML", help="Policy to write.")
@click.option(
    "--trials-file",
    metavar="FILE",
    help="Keeps the trials; the same command goes on with them. [default: beside --out]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes; more than one are faster, and the order of their trials is chance.",
)
def tune(
    scenario: str | None,
    changes: tuple[str, ...],
    space: str,
    objective: str,
    trials: int,
    holdout: float,
    out: str,
    trials_file: str | None,
    jobs: int,
    **flags: str | None,
) -> None:
    """Search a policy on the first part of a trace; verify it on the rest against its base."""
    from chorus_sim.cli.load import load_trace
    from chorus_sim.cli.progress import progress_bars
    from chorus_sim.cli.sweep import load_quietly
    from chorus_sim.scenario_file import read_scenario
    from chorus_sim.sweep.point import on_fastest
    from chorus_sim.tune.objective import parse_objectives
    from chorus_sim.tune.policy_file import outcome, policy_text
    from chorus_sim.tune.space import load_space
    from chorus_sim.tune.tune import Search
    from chorus_sim.tune.tune import tune as search_policy
    from chorus_traces.atomic import replacing

    objectives = parse_objectives(objective)
    wanted = load_space(space)
    path = _file_to_write(out)
    stated = {"policy": wanted.base} | scenario_changes(flags, changes, _WITHOUT_EFFECT)
    source = Path(scenario) if scenario else None
    resolved = read_scenario(source, on_fastest(source, stated))
    search = Search(
        scenario=resolved,
        space=wanted,
        objectives=tuple(one.name for one in objectives),
        trials=trials,
        holdout=holdout,
    )
    with progress_bars() as progress:
        tuned = search_policy(
            search,
            objectives,
            Path(trials_file) if trials_file else path.with_suffix(".trials.log"),
            path.stem,
            jobs=jobs,
            read=partial(load_trace, progress=progress),
            load=load_quietly,
            progress=progress,
        )
    with replacing(path) as stream:
        stream.write(policy_text(tuned, search).encode())
    _print(policy_text(tuned, search))
    click.echo(outcome(tuned), err=True)
    click.echo(f"written: {path} (use it with --policy ./{path})", err=True)


def _file_to_write(out: str) -> Path:
    """Return the path; raise ``ScenarioError`` if it would replace what ``tune`` did not write."""
    from chorus_sim.tune.policy_file import FIRST_LINE
    from chorus_traces.errors import ScenarioError

    path = Path(out)
    if path.suffix != ".toml":
        raise ScenarioError(f"--out {out}: a policy is a TOML file; name one ending in .toml")
    if not path.parent.is_dir():
        raise ScenarioError(f"--out {out}: no such folder; make it first")
    if path.is_dir() or (path.exists() and not path.read_bytes().startswith(FIRST_LINE.encode())):
        raise ScenarioError(f"--out {out}: exists, and tune did not write it; name another")
    return path


def _print(text: str) -> None:
    """Print the evidence: the comments of the file."""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        click.echo(line.removeprefix("#").removeprefix(" "))
