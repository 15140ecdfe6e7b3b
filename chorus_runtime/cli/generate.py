"""``chorus-runtime generate``: one prompt, one clip."""

from pathlib import Path
from typing import Any

import click

from chorus_runtime.cli.options import (
    device_option,
    embedder_option,
    model_option,
    policy_option,
    weights_option,
)
from chorus_traces.finite import Finite


@click.command()
@click.option("--prompt", required=True, metavar="TEXT", help="What to show.")
@click.option("--negative-prompt", metavar="TEXT", help="What to avoid; needs guidance above 1.")
@model_option(
    "shapes, shapes-4step, or the folder of a saved diffusers WanPipeline or LTXPipeline."
)
@weights_option
@click.option("--seed", type=int, metavar="N", help="Of the noise. [default: drawn]")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Denoising steps.")
@click.option("--guidance", type=Finite(min=0), metavar="X", help="1 is off.")
@click.option("--width", type=click.IntRange(min=1), metavar="N", help="In pixels.")
@click.option("--height", type=click.IntRange(min=1), metavar="N", help="In pixels.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Frames of the clip.")
@click.option("--tenant", metavar="NAME", help="Whose request it is; tenants share nothing.")
@policy_option
@click.option(
    "--store",
    metavar="DIR|URL",
    help="Latents to reuse and add to, or none. [default: a folder in the user's cache folder]",
)
@click.option(
    "--capacity", default="64GiB", show_default=True, metavar="SIZE", help="Of the store."
)
@embedder_option("What compares prompts; policies are made for minilm.")
@device_option
@click.option("--out", required=True, metavar="FILE", help="A .mp4 clip or a .png frame sheet.")
@click.option("--explain", "explains", is_flag=True, help="Say how the clip was made.")
def generate(prompt: str, out: str, *, explains: bool, **options: Any) -> None:
    """Make the clip of a prompt, reusing latents of similar earlier ones."""
    from chorus_runtime.cli.clip_file import CLIP_FORMS, write_clip
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.cli.explain import explain
    from chorus_runtime.cli.load_model import load_model
    from chorus_runtime.cli.out_file import check_out_file
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.scope import store_scope
    from chorus_runtime.service import Chorus
    from chorus_runtime.store.tiers import store_place
    from chorus_traces.cache_folder import cache_folder
    from chorus_traces.errors import EngineError
    from chorus_traces.request import Request

    if not prompt.strip():
        raise EngineError("the prompt is empty; say what to show with --prompt")
    path = Path(out)
    check_out_file(path, CLIP_FORMS)
    request = Request(
        id="generate",
        arrival_s=0.0,
        prompt=prompt,
        negative_prompt=options["negative_prompt"],
        seed=options["seed"],
        height=options["height"],
        width=options["width"],
        frames=options["frames"],
        steps=options["steps"],
        guidance=options["guidance"],
        tenant=options["tenant"],
    )
    weights = options["weights"]
    loaded = load_model(
        options["model"], Path(weights) if weights else None, device_named(options["device"])
    )
    shape = loaded.model.shape_of(request)
    if request.negative_prompt and shape.guidance <= 1:
        raise EngineError(f"--negative-prompt has no effect at guidance {shape.guidance:g}")
    embedder = MiniLm() if options["embedder"] == "minilm" else HashedWords()
    folder: Path | str | None = None
    if options["store"] is None:
        folder = cache_folder() / "latents" / store_scope(loaded.model, embedder).replace(" ", "-")
    elif options["store"] != "none":
        folder = store_place(options["store"])
    with Chorus(
        loaded.model,
        policy=options["policy"],
        cache=options["capacity"],
        store=folder,
        embedder=embedder,
    ) as chorus:
        result = chorus.generate(request)
        write_clip(path, result.frames[0], frames_per_s=loaded.frames_per_s, scale=loaded.scale)
    made = result.provenance
    if explains:
        click.echo(explain(made, shape.steps))
    if made.fallback:
        click.echo(f"warning: {made.fallback}; computed as {made.kind}", err=True)
    click.echo(f"written: {path} ({made.kind}, {made.total_s:.2f} s)", err=True)
