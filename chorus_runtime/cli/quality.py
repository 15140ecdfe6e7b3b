"""``chorus-runtime quality``: what reuse does to what a prompt asks for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chorus_runtime.quality import Study


@click.command()
@click.option(
    "--model",
    default="shapes",
    show_default=True,
    help="shapes or shapes-4step: others have no checker.",
)
@click.option("--weights", metavar="DIR", help="Released shapes weights. [default: the package's]")
@click.option("--steps", type=click.IntRange(min=2), help="Of a request. [default: the model's]")
@click.option(
    "--pairs", default=60, show_default=True, metavar="N", help="Pairs of prompts, kinds in turn."
)
@click.option("--k1", metavar="N,...", help="Steps of full reuse. [default: tenths of the steps]")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of pairs and noise.")
@click.option(
    "--srd-share",
    default=0.7,
    show_default=True,
    metavar="X",
    help="k2: this share of the steps after k1.",
)
@click.option("--active-share", type=float, metavar="X", help="Of the latent. [default: 0.25]")
@click.option("--amplification", type=float, metavar="X", help="TGAA's factor. [default: by k1]")
@click.option(
    "--threshold", type=click.Choice(["share", "otsu"]), help="Of the mask. [default: the engine's]"
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option(
    "--embedder",
    type=click.Choice(["minilm", "hashed-words"]),
    default="minilm",
    show_default=True,
    help="What the similarity of a pair is measured with.",
)
@click.option(
    "--chunk-minutes",
    type=click.FloatRange(min=0),
    metavar="M",
    help="Stop after so long; the same command goes on.",
)
@click.option("--out", required=True, metavar="DIR", help="The study's folder.")
def quality(out: str, **options: Any) -> None:
    """Measure accuracy of reuse on pairs of prompts; write trials, tables, charts and a curve."""
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.cli.load_model import SHAPES, load_model
    from chorus_runtime.clock import Clock
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.quality import run_study
    from chorus_runtime.quality.results import write_results
    from chorus_traces.errors import EngineError

    name, weights = options["model"], options["weights"]
    if name not in SHAPES:
        raise EngineError(
            f"quality is read off clips by the checker of the shapes world; {name} has none: "
            f"take {' or '.join(SHAPES)}"
        )
    if options["pairs"] < 1:
        raise EngineError(f"--pairs is {options['pairs']}; at least 1 is needed")
    loaded = load_model(name, Path(weights) if weights else None, device_named(options["device"]))
    study = _study(name, options, loaded.model)
    clock, limit = Clock(), options["chunk_minutes"]
    done = run_study(
        study,
        options["pairs"],
        loaded.model,
        MiniLm() if options["embedder"] == "minilm" else HashedWords(),
        Path(out),
        stop=lambda: limit is not None and clock.now() > 60 * limit,
        progress=_tell,
    )
    if not done:
        click.echo(f"paused: {out}; the same command goes on", err=True)
        return
    _report(write_results(Path(out)))
    click.echo(f"written: {out}/ (summary.json, curve.json, accuracy.png, savings.png)", err=True)


def _study(name: str, options: dict[str, Any], model: Any) -> "Study":
    from chorus_runtime.quality import Study
    from chorus_traces.errors import EngineError
    from chorus_traces.request import Request

    request = Request(id="quality", arrival_s=0.0, prompt="", steps=options["steps"])
    steps = model.shape_of(request).steps
    text = options["k1"]
    try:
        k1 = tuple(int(part) for part in text.split(",")) if text else _tenths(steps)
    except ValueError as error:
        raise EngineError(f"--k1 {text}: write whole steps with commas, like 5,10,15") from error
    stated = {
        field: options[field]
        for field in ("active_share", "threshold", "amplification")
        if options[field] is not None
    }
    return Study(
        model=name,
        steps=steps,
        k1=tuple(sorted(set(k1))),
        seed=options["seed"],
        srd_share=options["srd_share"],
        **stated,
    )


def _tenths(steps: int) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(steps * tenth / 10)) for tenth in range(1, 9)}))


def _tell(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        click.echo(f"{done} of {total} pairs", err=True)


def _report(summary: dict[str, Any]) -> None:
    """Print accuracy over all edits, and the latest k1 that keeps it."""
    click.echo("mode         k1   n  all right [95 %]        edited  PSNR dB  FLOPs  CPU time")
    for row in summary["rows"]:
        if row["kind"] == "edits":
            share = row["acceptable"]
            click.echo(
                f"{row['mode']:11}{row['k1']:4}{share['trials']:4}  {share['share']:.3f} "
                f"[{share['low']:.3f}, {share['high']:.3f}]{row['edited']['share']:8.3f}"
                f"{row['psnr_db']:9.1f}{row['flop_share']:7.2f}{row['time_share']:10.2f}"
            )
    for found in summary["latest_k1"]:
        shown = ", ".join(
            f"{mode} {one['k1']} {one['interval']}" for mode, one in found["modes"].items()
        )
        click.echo(f"latest k1 within {100 * found['tolerance']:.0f} points: {shown}")
