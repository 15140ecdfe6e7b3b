"""``python -m chorus_runtime.shapes``: release and try the shapes model.

It is trained by ``chorus-runtime train-shapes``.
"""

import sys
from pathlib import Path

import click
import torch

from chorus_runtime.shapes.clip_io import write_mp4, write_sheet
from chorus_runtime.shapes.release import release
from chorus_runtime.shapes.sample import sample
from chorus_runtime.shapes.weights import load_shapes, weights_folder
from chorus_traces.errors import ChorusError


@click.group()
@click.option("--threads", default=0, help="Threads torch may use; 0 leaves its own choice.")
def main(threads: int) -> None:
    """Release and try the shapes model."""
    if threads:
        torch.set_num_threads(threads)


@main.command("release")
@click.option(
    "--run", type=click.Path(path_type=Path), required=True, help="A training run's folder."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Default: the package's weights.")
@click.option("--prompts", default=500)
@click.option("--device", default="cpu")
@click.option("--guidance", default=3.0)
@click.option("--notes", default="", help="What the card is to say besides.")
def release_command(
    run: Path, folder: Path | None, prompts: int, device: str, guidance: float, notes: str
) -> None:
    """Evaluate a run, write its weights, the manifest, a frame sheet and the model card."""
    result = release(
        run,
        folder or weights_folder(),
        prompts=prompts,
        device=device,
        guidance=guidance,
        notes=notes,
    )
    for figures, shares in result.items():
        for attribute, share in shares.items():
            click.echo(
                f"{figures:12} {attribute:10} {100 * share.share:5.1f} % "
                f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
            )


@main.command("try")
@click.argument("prompt")
@click.option("--variant", default="50step")
@click.option("--seed", default=0)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="An .mp4 or .png file.")
def try_command(prompt: str, variant: str, seed: int, out: Path) -> None:
    """Write the clip of a prompt, or a sheet of its frames."""
    clip = sample(load_shapes(variant), [prompt], [seed])[0]
    if out.suffix == ".png":
        write_sheet(out, [clip])
    else:
        write_mp4(out, clip)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input is one line on stderr and exit code 2."""
    try:
        main(arguments)
    except ChorusError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
