"""The optional measures of ``chorus-runtime quality``: CLIP score, LPIPS and VBench."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chorus_traces.errors import EngineError

if TYPE_CHECKING:
    from chorus_runtime.cli.load_model import Loaded
    from chorus_runtime.quality.beside import Beside
    from chorus_runtime.quality.vbench_clips import VBenchSettings

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--clip",
        metavar="MODEL",
        help="Optional: CLIP score of clip and caption by a transformers CLIP model, a folder or a "
        "hub name. Needs its weights.",
    ),
    click.option(
        "--lpips",
        metavar="NET[:WEIGHTS]",
        help="Optional: LPIPS against full compute; alex, squeeze or vgg, and the file with its "
        "torchvision weights. Needs torchmetrics and torchvision.",
    ),
    click.option(
        "--vbench",
        metavar="PYTHON",
        help="Optional: VBench of all clips, by the python of an environment with the package "
        "vbench (it cannot share this one). Downloads its weights.",
    ),
    click.option(
        "--vbench-dimensions",
        metavar="NAME,...",
        help="With --vbench. [default: the six for videos of one's own]",
    ),
)


def measure_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def vbench_of(options: Mapping[str, Any], device: str) -> "VBenchSettings | None":
    """Return how VBench is run, checked; ``None`` where it is not asked for."""
    from chorus_runtime.quality.vbench_clips import USUAL, VBenchSettings

    named = options["vbench_dimensions"]
    if options["vbench"] is None:
        if named is not None:
            raise EngineError("--vbench-dimensions has no effect without --vbench; leave it out")
        return None
    dimensions = tuple(named.split(",")) if named else USUAL
    settings = VBenchSettings(python=options["vbench"], dimensions=dimensions, device=device)
    settings.check()
    return settings


def beside_of(options: Mapping[str, Any], device: str, loaded: "Loaded", folder: Path) -> "Beside":
    """Return the measures that are asked for, their weights loaded."""
    from chorus_runtime.quality.beside import Beside
    from chorus_runtime.quality.clip_score import ClipScore
    from chorus_runtime.quality.measure import Measure
    from chorus_runtime.quality.perceptual import Perceptual
    from chorus_runtime.quality.vbench_clips import ClipFolder

    measures: list[Measure] = []
    if options["clip"]:
        measures.append(ClipScore(options["clip"], device))
    if options["lpips"]:
        measures.append(Perceptual(options["lpips"], device))
    clips = ClipFolder(folder=folder, frames_per_s=loaded.frames_per_s, scale=loaded.scale)
    return Beside(measures=tuple(measures), clips=clips if options["vbench"] else None)
