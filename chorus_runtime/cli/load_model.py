"""The model a command names: the embedded one, or a folder with a diffusers pipeline."""

from dataclasses import dataclass
from pathlib import Path

from chorus_runtime.models.choose import model_of
from chorus_runtime.models.shapes_model import ShapesVideo
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.weights import load_shapes
from chorus_traces.errors import EngineError, unknown

#: Names of the embedded model, and the variant of its weights.
SHAPES = {"shapes": "50step", "shapes-4step": "4step"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model, and how its clips are written: frames a second, and pixels a side of each pixel."""

    model: VideoModel
    frames_per_s: int
    scale: int


def load_model(name: str, weights: Path | None, device: str) -> Loaded:
    """Return the model called ``name``; ``weights`` is a folder of released shapes weights.

    Raises ``EngineError`` for an unknown name, and a model that is missing or damaged.
    """
    if name in SHAPES:
        # A batch of both guidance branches is faster on latents this small.
        settings = EngineSettings(guidance_passes="batched")
        model = load_shapes(SHAPES[name], device, weights)
        return Loaded(model=ShapesVideo(model, name, settings), frames_per_s=8, scale=8)
    if weights is not None:
        raise EngineError(f"--weights is for the shapes model, not for {name}; leave it out")
    folder = Path(name)
    if not (folder / "model_index.json").is_file():
        raise EngineError(
            f"{unknown('model', name, SHAPES)}; or the folder of a saved diffusers pipeline"
        )
    return _pipeline(folder, device)


def _pipeline(folder: Path, device: str) -> Loaded:
    from diffusers import DiffusionPipeline

    try:
        pipe = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EngineError(f"{folder}: the pipeline cannot be loaded ({reason})") from error
    model = model_of(pipe.to(device), EngineSettings())
    family = model.engine.adapters[0].family
    return Loaded(model=model, frames_per_s=25 if family == "ltx" else 16, scale=1)
