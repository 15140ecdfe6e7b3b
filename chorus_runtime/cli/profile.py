"""``chorus-runtime profile``: measure what every stage costs here, for one model and one shape."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chorus_runtime.cli.options import device_option, embedder_option, model_option, weights_option
from chorus_traces.finite import Finite

if TYPE_CHECKING:
    from chorus_runtime.models.video_model import VideoModel


@click.command()
@model_option(
    "shapes, shapes-4step, wan2.1-1.3b, wan2.1-14b, or the folder of a diffusers pipeline."
)
@weights_option
@click.option(
    "--random-weights", is_flag=True, help="Random weights of the real size; costs are the same."
)
@click.option("--layers", type=click.IntRange(min=1), help="Cut a random Wan down to so many.")
@click.option(
    "--resolution", metavar="480p|720p|WxHxF", help="Of the clip. [default: the model's own]"
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Of a request.")
@click.option(
    "--guidance",
    type=Finite(min=0),
    metavar="X",
    help="1 is off. [default: the model's own; off up to 8 steps]",
)
@device_option
@click.option("--repeats", default=7, show_default=True, metavar="N", help="Timings of each stage.")
@embedder_option("What compares prompts.")
@click.option("--scratch", metavar="DIR", help="A folder on the disk to measure.")
@click.option(
    "--store", metavar="URL", help="A shared store to measure as the tier remote: redis://..., ..."
)
@click.option(
    "--cpu-time", is_flag=True, help="Count CPU seconds: for a CPU that others use as well."
)
@click.option("--allow-noisy", is_flag=True, help="Write a profile whose timings vary much.")
@click.option("--out", required=True, metavar="FILE", help="The .json file to write.")
def profile(out: str, *, allow_noisy: bool, **options: Any) -> None:
    """Measure every stage on this machine and write a profile for `chorus-sim --profile`."""
    import msgspec

    from chorus_policies.costs.profile import write_profile
    from chorus_runtime.cli.out_file import check_out_file
    from chorus_runtime.cli.profile_request import profile_request
    from chorus_runtime.profile import measure_profile
    from chorus_runtime.profile.assume import assumed_stages
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.store.tiers import store_place
    from chorus_traces.errors import EngineError

    path = Path(out)
    check_out_file(path, (".json",))
    request = profile_request(
        options["resolution"], options["steps"], options["guidance"], options["model"]
    )
    model, unmeasured, note = _model(options)
    shape = model.shape_of(request)
    assumed = assumed_stages(shape, unmeasured)
    if assumed:
        note += f"; {', '.join(sorted(assumed))} not measured but assumed as on an H100"
    scratch = options["scratch"]
    if scratch is not None and not Path(scratch).is_dir():
        raise EngineError(f"{scratch}: there is no such folder to measure the disk in")
    store = options["store"]
    if store is not None and isinstance(store_place(store), Path):
        raise EngineError(f"--store {store}: an address is needed; --scratch measures a folder")
    with _clock(model, counts_cpu=options["cpu_time"]) as how:
        measured = measure_profile(
            model,
            shape,
            MiniLm() if options["embedder"] == "minilm" else HashedWords(),
            repeats=options["repeats"],
            assumed=assumed,
            scratch=None if scratch is None else Path(scratch),
            shared=store,
            note=f"{note}; {how}" if note and how else note or how,
        )
    found = measured.profile
    if measured.noisy:
        noise = f"noisy: {', '.join(measured.noisy)}"
        if not allow_noisy:
            raise EngineError(
                f"{noise}; nothing is written: keep the machine idle, raise --repeats, or take it "
                "as it is with --allow-noisy"
            )
        found = msgspec.structs.replace(found, note=f"{found.note}; {noise}")
    try:
        write_profile(found, path)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror})") from error
    _report(found)
    click.echo(f"written: {path}", err=True)


@contextmanager
def _clock(model: "VideoModel", *, counts_cpu: bool) -> Iterator[str]:
    """Choose the clock, and yield what is to be said about it."""
    from chorus_runtime.clock import cpu_time
    from chorus_traces.errors import EngineError

    if not counts_cpu:
        yield ""
        return
    if model.device.type != "cpu":
        raise EngineError(f"--cpu-time counts no time of {model.device}; leave it out")
    with cpu_time():
        yield "CPU seconds"


def _model(options: dict[str, Any]) -> "tuple[VideoModel, frozenset[str], str]":
    """Return the model, the stages that cannot be measured on it, and a note."""
    import torch

    from chorus_policies.costs.flops import TRANSFORMERS
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.cli.load_model import SHAPES, load_model
    from chorus_runtime.profile import RandomWan
    from chorus_runtime.profile.random_shapes import random_shapes
    from chorus_traces.errors import EngineError

    name, layers, random = options["model"], options["layers"], options["random_weights"]
    weights = options["weights"]
    if random and weights:
        raise EngineError("--random-weights and --weights: one of them; leave the other out")
    device = device_named(options["device"])
    if name in TRANSFORMERS:
        if not random:
            raise EngineError(f"{name} needs weights; name their folder, or add --random-weights")
        wan = RandomWan(name, torch.device(device), layers=layers or 0)
        note = "random weights"
        if layers is not None:
            note += f"; cut down to {wan.layers} of {TRANSFORMERS[name].layers} layers"
        # The autoencoder takes minutes a clip on a CPU.
        on_cpu = {"vae_decode"} if device == "cpu" else set()
        return wan, frozenset({"text_encode"} | on_cpu), note
    if layers is not None:
        raise EngineError(f"--layers is for a random Wan, not for {name}; leave it out")
    if random:
        if name not in SHAPES:
            raise EngineError(f"--random-weights is for shapes and wan2.1, not for {name}")
        return random_shapes(name, device), frozenset(), "random weights"
    return load_model(name, Path(weights) if weights else None, device).model, frozenset(), ""


def _report(found: Any) -> None:
    """Print the stages, one a line."""
    for name in ("text_encode", "embed", "lookup", "full_step", "vae_decode", "video_encode"):
        stage = getattr(found, name)
        click.echo(f"{name:14}{stage.mean_s:.6f} s  cv {stage.cv:.0%}  {stage.source}")
    for point in found.srd_step:
        share = point.mean_s / found.full_step.mean_s
        click.echo(f"srd {point.active_share:<10.3f}{point.mean_s:.6f} s  {share:.2f} of a step")
    click.echo(f"tgaa          {found.tgaa_share:.1%} of a step")
    for name, rate in found.tiers.items():
        load, store = rate.load_bytes_per_s / 1e9, rate.store_bytes_per_s / 1e9
        click.echo(f"{name:14}load {load:.2f} GB/s, store {store:.2f} GB/s")
