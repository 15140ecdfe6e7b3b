"""``chorus-runtime quality``: what reuse does to what a prompt asks for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chorus_runtime.cli.measures import measure_options
from chorus_runtime.cli.options import device_option, embedder_option, model_option, weights_option
from chorus_traces.finite import Finite

if TYPE_CHECKING:
    from chorus_runtime.quality import Study
    from chorus_runtime.quality.text_pairs import TextPair
    from chorus_traces.request import Request


@click.command()
@model_option("shapes, shapes-4step, or with --pairs-file the folder of a diffusers pipeline.")
@weights_option
@click.option("--steps", type=click.IntRange(min=2), help="Of a request. [default: the model's]")
@click.option(
    "--pairs", type=int, metavar="N", help="Pairs of prompts. [default: 60; all of --pairs-file]"
)
@click.option(
    "--pairs-file",
    metavar="FILE",
    help='Pairs as JSON lines {"old", "new", "kind"}. Attributes are then not judged: clips are '
    "compared with full compute, and by the measures below.",
)
@click.option("--width", type=click.IntRange(min=1), metavar="N", help="In pixels.")
@click.option("--height", type=click.IntRange(min=1), metavar="N", help="In pixels.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Frames of a clip.")
@click.option("--guidance", type=Finite(), metavar="X", help="[default: the model's]")
@click.option("--k1", metavar="N,...", help="Steps of full reuse. [default: tenths of the steps]")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of pairs and noise.")
@click.option(
    "--srd-share",
    type=Finite(),
    default=0.7,
    show_default=True,
    metavar="X",
    help="k2: this share of the steps after k1.",
)
@click.option("--active-share", type=Finite(), metavar="X", help="Of the latent. [default: 0.25]")
@click.option("--amplification", type=Finite(), metavar="X", help="TGAA's factor. [default: by k1]")
@click.option(
    "--threshold", type=click.Choice(["share", "otsu"]), help="Of the mask. [default: the engine's]"
)
@click.option(
    "--donors",
    type=click.Choice(["stored", "renoised"]),
    default="stored",
    show_default=True,
    help="Their step latents as they were, or made from the final one.",
)
@device_option
@embedder_option("What the similarity of a pair is measured with.")
@click.option(
    "--chunk-minutes",
    type=Finite(min=0),
    metavar="M",
    help="Stop after so long; the same command goes on.",
)
@measure_options
@click.option("--out", required=True, metavar="DIR", help="The study's folder.")
def quality(out: str, **options: Any) -> None:
    """Measure accuracy of reuse on pairs of prompts; write trials, tables, charts and a curve."""
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.cli.load_model import SHAPES, load_model
    from chorus_runtime.cli.measures import beside_of, vbench_of
    from chorus_runtime.clock import Clock
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.quality import draw_pairs, read_trials, run_study
    from chorus_runtime.quality.results import write_results
    from chorus_runtime.quality.study import TRIALS
    from chorus_runtime.quality.text_pairs import read_pairs
    from chorus_runtime.quality.vbench_clips import judge
    from chorus_traces.errors import EngineError

    name, weights, listed = options["model"], options["weights"], options["pairs_file"]
    if name not in SHAPES and listed is None:
        raise EngineError(
            f"quality is read off clips by the checker of the shapes world; {name} has none: "
            f"take {' or '.join(SHAPES)}, or give --pairs-file"
        )
    if options["pairs"] is not None and options["pairs"] < 1:
        raise EngineError(f"--pairs is {options['pairs']}; at least 1 is needed")
    prompts = read_pairs(Path(listed), options["seed"]) if listed else None
    device = device_named(options["device"])
    vbench = vbench_of(options, device)
    loaded = load_model(name, Path(weights) if weights else None, device)
    request = _request(options)
    study = _study(name, options, loaded.model.shape_of(request).steps, prompts)
    beside = beside_of(options, device, loaded, Path(out))
    count = options["pairs"] or (60 if prompts is None else len(prompts))
    clock, limit = Clock(), options["chunk_minutes"]
    done = run_study(
        study,
        count,
        loaded.model,
        MiniLm() if options["embedder"] == "minilm" else HashedWords(),
        Path(out),
        prompts=prompts,
        request=request,
        beside=beside,
        stop=lambda: limit is not None and clock.now() > 60 * limit,
        progress=_tell,
    )
    if not done:
        click.echo(f"paused: {out}; the same command goes on", err=True)
        return
    if vbench is not None:
        # The folder may hold more pairs than this call asks for.
        known = 1 + max(trial.pair for trial in read_trials(Path(out) / TRIALS))
        asked = draw_pairs(known, study.seed) if prompts is None else prompts
        judge(Path(out), {pair.number: pair.new for pair in asked}, vbench)
    summary = write_results(Path(out))
    files = ["summary.json"]
    if prompts is None:
        _report(summary)
        files += ["curve.json", "accuracy.png", "savings.png"]
    else:
        _report_likeness(summary)
    click.echo(f"written: {out}/ ({', '.join(files)})", err=True)


def _request(options: dict[str, Any]) -> "Request":
    from chorus_traces.request import Request

    return Request(
        id="quality",
        arrival_s=0.0,
        prompt="",
        **{name: options[name] for name in ("steps", "width", "height", "frames", "guidance")},
    )


def _study(
    name: str, options: dict[str, Any], steps: int, prompts: "list[TextPair] | None"
) -> "Study":
    from chorus_runtime.quality import Study
    from chorus_traces.errors import EngineError

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
    if prompts is not None:
        stated["kinds"] = tuple(sorted({pair.kind for pair in prompts}))
    return Study(
        model=name,
        steps=steps,
        k1=tuple(sorted(set(k1))),
        seed=options["seed"],
        srd_share=options["srd_share"],
        donors=options["donors"],
        **stated,
    )


def _tenths(steps: int) -> tuple[int, ...]:
    return tuple(sorted({max(1, round(steps * tenth / 10)) for tenth in range(1, 9)}))


def _tell(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        click.echo(f"{done} of {total} pairs", err=True)


def _report(summary: dict[str, Any]) -> None:
    """Print accuracy over all edits, and the latest k1 that keeps it."""
    beside = _names(summary)
    click.echo(
        "mode         k1   n  all right [95 %]        edited  PSNR dB  FLOPs  CPU time"
        + _columns(beside)
    )
    for row in summary["rows"]:
        if row["kind"] == "edits":
            share = row["acceptable"]
            click.echo(
                f"{row['mode']:11}{row['k1']:4}{share['trials']:4}  {share['share']:.3f} "
                f"[{share['low']:.3f}, {share['high']:.3f}]{row['edited']['share']:8.3f}"
                f"{row['psnr_db']:9.1f}{row['flop_share']:7.2f}{row['time_share']:10.2f}"
                + _values(row, beside)
            )
    for found in summary["latest_k1"]:
        shown = ", ".join(
            f"{mode} {one['k1']} {one['interval']}" for mode, one in found["modes"].items()
        )
        click.echo(f"latest k1 within {100 * found['tolerance']:.0f} points: {shown}")


def _report_likeness(summary: dict[str, Any]) -> None:
    """Print how like full compute the clips are; nothing here has read what they show."""
    beside = _names(summary)
    click.echo("mode         k1   n  PSNR dB   SSIM  FLOPs  CPU time" + _columns(beside))
    for row in summary["rows"]:
        if row["kind"] == "all kinds":
            click.echo(
                f"{row['mode']:11}{row['k1']:4}{row['trials']:4}{row['psnr_db']:9.1f}"
                f"{row['ssim']:7.3f}{row['flop_share']:7.2f}{row['time_share']:10.2f}"
                + _values(row, beside)
            )
    click.echo("attributes are not judged: no program reads these clips")


def _names(summary: dict[str, Any]) -> list[str]:
    """Return the measures of all rows, in the order they were asked for."""
    return list(summary["rows"][0].get("measures", {})) if summary["rows"] else []


def _columns(names: list[str]) -> str:
    return "".join(f"  {name}" for name in names)


def _values(row: dict[str, Any], names: list[str]) -> str:
    found = row.get("measures", {})
    return "".join(
        f"  {found[name]:{len(name)}.3f}" if name in found else " " * (len(name) + 2)
        for name in names
    )
