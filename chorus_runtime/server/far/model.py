"""A model whose work is done elsewhere: what ``Chorus`` serves when its workers are Ray actors.

The brain keeps policy, cache, latents and log; hands encode, denoise and decode.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import numpy as np
import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_policies.plan import Fresh
from chorus_runtime.engine import Engine
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.observer import nobody
from chorus_runtime.server.far.hands import Hands
from chorus_traces.request import Request

#: Different shapes the brain remembers.
_MOST_SHAPES = 1000


@dataclass(frozen=True, slots=True)
class FarSolver:
    """The noise levels of a request, as a hand says: before each step, and after the last."""

    sigmas: tuple[float, ...]


class FarEngine:
    """Generates on hands; latents to be shared in flight come back before the run is over."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.settings = hands.nature.settings
        self._solvers: dict[tuple[int, tuple[float, ...], float | None], FarSolver] = {}

    def solver(self, generation: Generation) -> FarSolver:
        """Return the schedule of a request; one that is known is not asked for again."""
        key = generation.steps, generation.sigmas, generation.mu
        found = self._solvers.get(key)
        if found is None:
            bare = replace(generation, plan=Fresh(reason=""), donor=None, observer=nobody)
            found = FarSolver(self._hands.ask("sigmas", bare))
            if len(self._solvers) >= _MOST_SHAPES:
                self._solvers.clear()
            self._solvers[key] = found
        return found

    def generate(self, generation: Generation) -> Generated:
        """Carry out a plan on one of the hands."""
        return self._hands.generate(generation)


class FarModel:
    """The model of the hands, as ``Chorus`` serves any other."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self.name = hands.nature.name
        self.frames_per_s = hands.nature.frames_per_s
        self.hand_device = hands.nature.device
        self.health = hands.health
        # It is asked for its settings and to generate, never for its adapters.
        self.engine = cast("Engine", FarEngine(hands))
        self._shapes: dict[bytes, tuple[Shape, tuple[int, ...], Timing]] = {}

    @property
    def device(self) -> torch.device:
        """Where the brain keeps latents."""
        return torch.device("cpu")

    def deployment(self) -> Deployment:
        """Return what is equal for all hands."""
        return self._hands.nature.deployment

    def shape_of(self, request: Request) -> Shape:
        """Return a request's shape, as a hand says; one that is known is not asked for again."""
        # Nothing else of a request says anything about its shape.
        plain = msgspec.structs.replace(
            request,
            id="",
            arrival_s=0.0,
            prompt="",
            negative_prompt=None,
            seed=None,
            tenant=None,
            user=None,
        )
        return self._found(plain)[0]

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        return cast("tuple[int, int, int, int, int]", self._found(_stated(shape))[1])

    def timing(self, shape: Shape) -> Timing:
        """Return the schedule of a shape."""
        return self._found(_stated(shape))[2]

    def _found(self, plain: Request) -> tuple[Shape, tuple[int, ...], Timing]:
        key = msgspec.json.encode(plain)
        found = self._shapes.get(key)
        if found is None:
            found = cast("tuple[Shape, tuple[int, ...], Timing]", self._hands.ask("shape", plain))
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[key] = found
        return found

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt as the transformer reads it."""
        text: EncodedText = self._hands.ask("encode", prompt, negative_prompt, guided=guided)
        return text

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip, decoded where this thread's latents were made."""
        clip = self._hands.ask("decode", latents, output_type, size=latents.numel())
        # What comes out of Ray's memory cannot be written to.
        return np.array(clip) if isinstance(clip, np.ndarray) else clip


def _stated(shape: Shape) -> Request:
    """Return a request that states all of a shape."""
    return Request(
        id="",
        arrival_s=0.0,
        prompt="",
        model=shape.model,
        height=shape.height,
        width=shape.width,
        frames=shape.frames,
        steps=shape.steps,
        guidance=shape.guidance,
    )
