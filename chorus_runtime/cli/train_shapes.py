"""``chorus-runtime train-shapes``: train the shapes model, or go on training it."""

from pathlib import Path

import click

from chorus_runtime.cli.options import device_option
from chorus_traces.finite import Finite


@click.command("train-shapes")
@click.option(
    "--recipe", default="cpu", show_default=True, help="A shipped recipe's name or a TOML file."
)
@click.option("--out", required=True, metavar="DIR", help="The run's folder.")
@device_option
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Budget in steps.")
@click.option("--seconds", type=Finite(min=0), metavar="S", help="Budget in seconds.")
@click.option(
    "--pause-after-s",
    type=Finite(min=0),
    metavar="S",
    help="End this call then; the next one goes on.",
)
@click.option("--fresh", is_flag=True, help="Start over where a checkpoint is there.")
def train_shapes(
    recipe: str,
    out: str,
    device: str,
    steps: int | None,
    seconds: float | None,
    pause_after_s: float | None,
    *,
    fresh: bool,
) -> None:
    """Train or go on training; give every call of one run the same budget.

    `python -m chorus_runtime.shapes release` evaluates a finished run and writes its weights.
    """
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.shapes.config import read_config
    from chorus_runtime.shapes.recipe import recipe_named
    from chorus_runtime.shapes.train import train

    outcome = train(
        read_config(recipe_named(recipe)),
        Path(out),
        device_named(device),
        steps=steps,
        seconds=seconds,
        pause_after_s=pause_after_s,
        resume=not fresh,
    )
    click.echo(
        f"{outcome.samples} samples in {outcome.spent_s:.0f} s, loss {outcome.loss:.4f}, "
        + ("finished" if outcome.finished else "paused")
    )
