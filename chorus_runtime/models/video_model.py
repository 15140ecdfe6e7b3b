"""What serving asks of a model: text in, latents through its engine, a clip out."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_traces.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedText:
    """A prompt as the transformer reads it.

    ``prompt`` is the text the tokens stand in (a pipeline may clean it first) and ``offsets`` the
    (start, end) of each token in it, ``None`` where the tokenizer does not tell. ``negative`` is
    ``None`` where guidance is off.
    """

    prompt: str
    text: TextStates
    negative: TextStates | None
    offsets: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The schedule of a request, as ``Solver`` takes it."""

    sigmas: tuple[float, ...] = ()
    mu: float | None = None


class VideoModel(Protocol):
    """A model that is served. Its methods may be called from several threads."""

    name: str
    engine: Engine

    @property
    def device(self) -> torch.device:
        """Where latents live."""

    def deployment(self) -> Deployment:
        """Return what is equal for all requests as long as nobody changes the model."""

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape, every unstated field at the model's default.

        Raises ``EngineError`` for a shape the model cannot make; none is rounded.
        """

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""

    def timing(self, shape: Shape) -> Timing:
        """Return the schedule for a shape."""

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return the prompt as the transformer reads it."""

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return the clip of finished latents; ``output_type`` is ``np``, ``pt`` or ``pil``."""
