"""``chorus-runtime evidence``: everything this machine can show, in chunks."""

from pathlib import Path

import click

from chorus_traces.finite import Finite


@click.command()
@click.option("--device", default="cuda", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--out", required=True, metavar="DIR", help="Folder of results, one file an item.")
@click.option(
    "--chunk-minutes",
    type=Finite(min=0),
    metavar="M",
    help="Begin nothing new after so long; the same command goes on.",
)
@click.option("--items", metavar="NAME,...", help="Gather these alone. [default: all]")
@click.option("--tiny", is_flag=True, help="See that everything runs; the numbers say nothing.")
def evidence(
    device: str, out: str, chunk_minutes: float | None, items: str | None, *, tiny: bool
) -> None:
    """Gather tests, profiles, timings, headlines and quality; finished items are skipped."""
    import torch

    from chorus_runtime.cli.device import device_named
    from chorus_runtime.evidence.gather import gather
    from chorus_runtime.evidence.sizes import FULL, TINY

    left = gather(
        torch.device(device_named(device)),
        Path(out),
        TINY if tiny else FULL,
        only=items.split(",") if items else (),
        chunk_s=None if chunk_minutes is None else 60 * chunk_minutes,
        tell=click.echo,
    )
    if left:
        click.echo(f"to do: {', '.join(left)}; the same command goes on", err=True)
