"""A Wan 2.1 of full size with random weights: what a step costs does not depend on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, WanTransformer3DModel

from chorus_policies.costs.flops import TRANSFORMERS, Transformer
from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_runtime.models.clip import ClipRule
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError, unknown
from chorus_traces.request import Request

_HEAD_WIDTH = 128


class RandomWan:
    """``name`` is a key of ``TRANSFORMERS``; ``layers`` cuts the model down, 0 keeps all.

    ``sizes`` states a model of one's own instead; its width is a multiple of 128.

    Weights are made on ``device`` in ``dtype``. Text states are random, and clips are decoded by
    Wan's own autoencoder, random as well. Raises ``EngineError`` for an unknown name.
    """

    def __init__(
        self,
        name: str,
        device: torch.device,
        *,
        layers: int = 0,
        sizes: Transformer | None = None,
    ) -> None:
        if sizes is None:
            if name not in TRANSFORMERS:
                raise EngineError(unknown("model", name, TRANSFORMERS))
            sizes = TRANSFORMERS[name]
        if not 0 <= layers <= sizes.layers:
            raise EngineError(f"layers is {layers}; {name} has {sizes.layers}")
        self.name = name
        self.device = device
        self.layers = layers or sizes.layers
        self._dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self._sizes = sizes
        with _made_on(device, self._dtype):
            transformer = WanTransformer3DModel(
                num_attention_heads=sizes.width // _HEAD_WIDTH,
                attention_head_dim=_HEAD_WIDTH,
                text_dim=sizes.text_width,
                ffn_dim=sizes.feed_forward,
                num_layers=self.layers,
            ).eval()
        self.engine = Engine(
            transformer, FlowMatchEulerDiscreteScheduler(shift=3.0), settings=EngineSettings()
        )
        self._vae: Any = None
        self._rule = ClipRule(
            default=Shape(model=name, height=480, width=832, frames=81, steps=50, guidance=5.0),
            sides=sizes.space_stride * sizes.patch[1],
            frames=sizes.time_stride,
        )

    def deployment(self) -> Deployment:
        """Return a deployment that says so."""
        return Deployment(revision="random weights", dtype=str(self._dtype))

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape."""
        return self._rule.shape_of(request)

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return ``(1, channels, frames, height, width)``."""
        sizes = self._sizes
        frames = (shape.frames - 1) // sizes.time_stride + 1
        side = sizes.space_stride
        return (1, sizes.channels, frames, shape.height // side, shape.width // side)

    def timing(self, shape: Shape) -> Timing:
        """Return the scheduler's own schedule."""
        del shape
        return Timing()

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return random states of the real size."""
        del negative_prompt
        size = (1, self._sizes.text_tokens, self._sizes.text_width)
        states = torch.randn(size, device=self.device, dtype=self._dtype)
        text = TextStates.of(states)
        return EncodedText(
            prompt=prompt, text=text, negative=text if guided else None, offsets=None
        )

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return what the autoencoder makes of latents: noise, at its real cost."""
        del output_type
        if self._vae is None:
            with _made_on(self.device, self._dtype):
                self._vae = AutoencoderKLWan().eval()
        with torch.no_grad():
            return self._vae.decode(latents.to(self.device, self._dtype), return_dict=False)[0]


@contextmanager
def _made_on(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Make new parameters on ``device`` in ``dtype``."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)
