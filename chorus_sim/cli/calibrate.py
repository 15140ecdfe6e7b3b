"""``chorus-sim calibrate``: a profile from what a live run measured."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--live",
    required=True,
    multiple=True,
    metavar="DIR",
    help="A replay's folder or a server's run; several tell how the machine drifts.",
)
@click.option(
    "--profile",
    metavar="NAME|JSON",
    help="Says what the run does not: other tiers, other shares of SRD.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Leave out the first N requests of each, besides those the replay marked.",
)
@click.option("--out", required=True, metavar="FILE", help="The .json file to write.")
def calibrate(live: tuple[str, ...], profile: str | None, warm_up: int, out: str) -> None:
    """Write a measured profile from live runs; what stays from the old one is named."""
    from chorus_policies.costs.profile import write_profile
    from chorus_policies.costs.profile_book import load_profile
    from chorus_sim.live.calibrate import blank
    from chorus_sim.live.calibrate import calibrate as calibrated
    from chorus_sim.live.run import read_run
    from chorus_traces.errors import ScenarioError

    path = Path(out)
    if path.suffix != ".json" or not path.parent.is_dir():
        raise ScenarioError(f"--out {out}: a .json file in a folder that is there is needed")
    runs = [read_run(Path(one)) for one in live]
    before = blank(runs[0].facts) if profile is None else load_profile(profile)
    done = calibrated(runs, before, skip=warm_up)
    write_profile(done.profile, path)
    made = done.profile
    for name in ("text_encode", "embed", "lookup", "full_step", "vae_decode", "video_encode"):
        stage = getattr(made, name)
        click.echo(f"{name:14}{stage.mean_s:.6f} s  cv {stage.cv:.0%}  {stage.samples} samples")
    click.echo(
        f"{'server':14}{made.server.mean_s:.6f} s  cv {made.server.cv:.0%}  "
        f"{made.server.samples} samples"
    )
    for point in made.srd_step:
        number = done.samples.get(f"srd_step at {point.active_share:g}", 0)
        click.echo(f"srd {point.active_share:<10.3f}{point.mean_s:.6f} s  {number} samples")
    click.echo(f"{'srd varies':14}cv {made.srd_cv:.0%}  {made.srd_samples} samples")
    if made.drift_runs > 1:
        click.echo(f"{'machine drifts':14} cv {made.drift_cv:.1%} between {made.drift_runs} runs")
    for name in done.kept:
        click.echo(f"kept          {name}")
    click.echo(f"written: {out}", err=True)
