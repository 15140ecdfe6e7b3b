"""``chorus-sim profiles``: the stage costs that ship."""

import click


@click.command()
@click.option("--explain", metavar="NAME|JSON", help="Print one profile as JSON.")
def profiles(explain: str | None) -> None:
    """List the stage-cost profiles, or print one."""
    import msgspec
    from rich.table import Table

    from chorus_policies.costs.profile_book import load_profile, preset_names
    from chorus_sim.cli.console import wide_console

    if explain is not None:
        plain = msgspec.json.encode(load_profile(explain))
        click.echo(msgspec.json.format(plain, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    headings = ("profile", "source", "clip", "steps", "step s", "SRD 25 % s", "decode s", "clip s")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in headings[:2] else "right")
    for name in preset_names():
        profile = load_profile(name)
        rest = profile.text_encode.mean_s + profile.vae_decode.mean_s + profile.video_encode.mean_s
        table.add_row(
            name,
            profile.source,
            f"{profile.width}x{profile.height}x{profile.frames}",
            str(profile.steps),
            f"{profile.full_step.mean_s:.3f}",
            f"{profile.srd_step_s(0.25):.3f}",
            f"{profile.vae_decode.mean_s:.2f}",
            f"{rest + profile.steps * profile.full_step.mean_s:.1f}",
        )
    wide_console().print(table)
    click.echo("A name without a clip shape serves any shape its requests state.")
