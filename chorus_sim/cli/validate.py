"""``chorus-sim validate``: a live run beside its prediction."""

from pathlib import Path

import click


@click.command()
@click.option("--live", required=True, metavar="DIR", help="A replay's folder or a server's run.")
@click.option(
    "--profile", required=True, metavar="JSON", help="Stage costs, measured before the run."
)
@click.option("--policy", metavar="NAME|TOML", help="Of the simulation. [default: the run's own]")
@click.option("--out", metavar="DIR", help="Folder, new or empty. [default: out/DIR-validation]")
@click.option("--allow-stale", is_flag=True, help="Take a profile of something else, and say so.")
@click.option(
    "--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def validate(
    live: str, profile: str, policy: str | None, out: str | None, output: str, *, allow_stale: bool
) -> None:
    """Simulate what a server served, and put predicted beside measured."""
    from chorus_policies.costs.profile_book import load_profile
    from chorus_policies.policy import load_policy
    from chorus_reports.validation_report import write_validation
    from chorus_sim.cli.validation_table import print_validation
    from chorus_sim.live.run import read_run
    from chorus_sim.live.validate import validate as validated
    from chorus_sim.outcome import RunFolder, to_json

    run = read_run(Path(live))
    folder = RunFolder(Path(out) if out else None, f"{Path(live).name}-validation")
    loaded = run.policy if policy is None else load_policy(policy)
    found = validated(run, load_profile(profile), loaded, allow_stale=allow_stale)
    with folder as partial:
        (partial / "validation.json").write_bytes(to_json(found))
        write_validation(partial)
    if output == "json":
        click.echo(to_json(found), nl=False)
    else:
        print_validation(found)
    click.echo(f"written: {folder.path}/ (open report.html)", err=True)
