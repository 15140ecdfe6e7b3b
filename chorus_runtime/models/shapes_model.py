"""The shapes model, served: the embedded default that needs no download and no GPU."""

from threading import Lock
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_runtime.models.clip import stated_shape
from chorus_runtime.models.digest import weights_digest
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.attributes import FRAMES, SIDE
from chorus_runtime.shapes.model import ShapesModel
from chorus_runtime.shapes.sample import sigmas
from chorus_traces.errors import EngineError
from chorus_traces.request import Request


class ShapesVideo:
    """Text-to-video by a ``ShapesModel``. Clips have one size; a stated one must be that."""

    def __init__(self, model: ShapesModel, name: str, settings: EngineSettings) -> None:
        self.name = name
        # The schedule is given with each request, shifted already.
        scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
        self.engine = Engine(model.transformer, scheduler, settings=settings)
        self.device = model.transformer.device
        self._model = model
        self._lock = Lock()
        self._weights = weights_digest(model.transformer, model.text_encoder)
        self._default = Shape(
            model=name,
            height=SIDE,
            width=SIDE,
            frames=FRAMES,
            steps=model.sampling.steps,
            guidance=model.sampling.guidance,
        )

    def deployment(self) -> Deployment:
        """Return weights, schedule and step skip."""
        return Deployment(
            revision=f"{self._weights} skip {self.engine.settings.skip}",
            sigma_schedule=f"shift {self._model.sampling.shift}",
            dtype=str(self._model.transformer.dtype),
            vae=f"codec {self._model.config.span}",
        )

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape: the model's own size, any number of steps."""
        shape, own = stated_shape(request, self._default), self._default
        for name in ("height", "width", "frames"):
            if getattr(shape, name) != getattr(own, name):
                raise EngineError(
                    f"{name} is {getattr(shape, name)}; the shapes model makes "
                    f"{own.width}x{own.height} with {own.frames} frames and nothing else"
                )
        return shape

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        del shape
        return self._model.latent_shape(1)

    def timing(self, shape: Shape) -> Timing:
        """Return the schedule the model was trained for."""
        return Timing(sigmas=tuple(sigmas(shape.steps, self._model.sampling.shift)[: shape.steps]))

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt's states; without guidance the negative prompt is not encoded."""
        with self._lock, torch.no_grad():
            states = self._model.encode_text([prompt])
            negative = self._model.encode_text([negative_prompt or ""]) if guided else None
        return EncodedText(
            prompt=prompt,
            text=TextStates.of(states),
            negative=None if negative is None else TextStates.of(negative),
            offsets=self._model.tokenizer.encode(prompt).offsets,
        )

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip ``(1, frames, height, width, 3)`` in [0, 1], or PIL images."""
        with torch.no_grad():
            frames = self._model.codec.decode(latents.to(self.device))
        if output_type == "pt":
            return frames.permute(0, 1, 4, 2, 3)
        clip = frames.cpu().numpy()
        if output_type == "np":
            return clip
        pixels = np.round(clip * 255).astype(np.uint8)
        return [[Image.fromarray(frame) for frame in one] for one in pixels]
