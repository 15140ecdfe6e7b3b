"""A model whose stages take at least a stated time: real latents, regions and clips, steady times.

A machine that others use as well is faster now and slower then; held to a pace it can keep at any
moment, it serves like a device that never changes. For measuring what a prediction is worth, with
the machine's own drift out of the way.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.engine import Engine
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, Timing, VideoModel
from chorus_runtime.observer import StepDone
from chorus_runtime.server.clips import ClipWriter
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.metronome import Metronome
from chorus_runtime.settings import EngineSettings
from chorus_runtime.solver import Solver
from chorus_traces.request import Request

#: Share of a full step that any computed step takes: a small region does not keep a device busy.
_LEAST = 0.1


class PacedEngine:
    """An engine whose steps take at least their time: a full step or, in a region, less."""

    def __init__(self, engine: Engine, step_s: float) -> None:
        self._engine = engine
        self._step_s = step_s

    @property
    def settings(self) -> EngineSettings:
        """The engine's own."""
        return self._engine.settings

    def solver(self, generation: Generation) -> Solver:
        """Return the engine's own solver of a request."""
        return self._engine.solver(generation)

    def generate(self, generation: Generation) -> Generated:
        """Carry out a plan, step by step at the pace."""
        metronome = Metronome()

        def seen(done: StepDone) -> None:
            if done.share:
                metronome.beat(self._step_s * (_LEAST + (1 - _LEAST) * done.share))
            generation.observer(done)

        return self._engine.generate(replace(generation, observer=seen))


class PacedVideo:
    """A model to be served at a pace."""

    def __init__(self, model: VideoModel, times: EngineTimes) -> None:
        self.name = model.name
        # It is asked for its settings, its solver and to generate, never for its adapters.
        self.engine = cast("Engine", PacedEngine(model.engine, times.step_s))
        self._model = model
        self._times = times

    @property
    def device(self) -> torch.device:
        """Where latents live."""
        return self._model.device

    def deployment(self) -> Deployment:
        """Return the model's own: pace changes no latent."""
        return self._model.deployment()

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape."""
        return self._model.shape_of(request)

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        return self._model.latent_shape(shape)

    def timing(self, shape: Shape) -> Timing:
        """Return the schedule for a shape."""
        return self._model.timing(shape)

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt as the transformer reads it, not before its time."""
        metronome = Metronome()
        encoded = self._model.encode(prompt, negative_prompt, guided=guided)
        metronome.beat(self._times.text_s)
        return encoded

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip, not before its time."""
        metronome = Metronome()
        frames = self._model.decode(latents, output_type)
        metronome.beat(self._times.decode_s)
        return frames


class PacedClips:
    """Writes clips, each no sooner than it should."""

    def __init__(self, clips: ClipWriter, times: EngineTimes) -> None:
        self.frames_per_s = clips.frames_per_s
        self._clips = clips
        self._times = times

    def write(self, path: Path, frames: Any) -> None:
        """Write a clip."""
        metronome = Metronome()
        self._clips.write(path, frames)
        metronome.beat(self._times.encode_s)
