"""The latent codec: a fixed linear map of small space-time cubes, in place of a learned VAE.

A clip (8, 32, 32, RGB) is cut into cubes of ``span`` x 2 x 2 pixels; each cube is projected onto
its first 16 principal components. A component is divided by the square root of its deviation over
random scenes, and all by one number that makes the mean square 1: coarse components stay above fine
ones, so that a denoising run settles colour and place before edges, as it does for real video.
"""

import importlib.resources
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from chorus_runtime.shapes.layout import lay_out
from chorus_runtime.shapes.render import render_layout
from chorus_runtime.shapes.scene import draw_scene
from chorus_traces.errors import EngineError

CHANNELS = 16
_CELL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """``mean`` (cube,), orthonormal ``basis`` (16, cube) and ``scale`` (16,) of a cube's pixels."""

    span: int
    mean: torch.Tensor
    basis: torch.Tensor
    scale: torch.Tensor

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Return latents (batch, 16, F/span, H/2, W/2) of frames (batch, F, H, W, 3) in [0, 1]."""
        coordinates = (_cut(frames, self.span) - self.mean) @ self.basis.T / self.scale
        return coordinates.permute(0, 4, 1, 2, 3).contiguous()

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return frames (batch, F, H, W, 3) clipped to [0, 1]."""
        coordinates = latents.permute(0, 2, 3, 4, 1) * self.scale
        return _join(coordinates @ self.basis + self.mean, self.span).clamp(0, 1)

    def to(self, device: str | torch.device) -> "Codec":
        """Return the codec on a device."""
        return Codec(
            span=self.span,
            mean=self.mean.to(device),
            basis=self.basis.to(device),
            scale=self.scale.to(device),
        )


def load_codec(span: int) -> Codec:
    """Return the codec that is shipped for cubes of ``span`` frames (2 or 4)."""
    place = (
        importlib.resources.files("chorus_runtime.shapes") / "weights" / f"codec-{span}.safetensors"
    )
    with importlib.resources.as_file(place) as path:
        if not path.is_file():
            raise EngineError(f"{path}: no codec for cubes of {span} frames; shipped are 2 and 4")
        tensors = load_file(path)
    return Codec(span=span, **tensors)


def fit_codec(span: int, *, clips: int = 2000, seed: int = 0) -> Codec:
    """Return the codec fitted to random scenes by principal component analysis."""
    rng = np.random.default_rng(seed)
    scenes = [draw_scene(rng) for _ in range(clips)]
    cubes = _cut(render_layout(lay_out(scenes, rng))[0], span).flatten(0, 3).double()
    mean = cubes.mean(0)
    values, vectors = torch.linalg.eigh((cubes - mean).T @ (cubes - mean) / len(cubes))
    largest = values.argsort(descending=True)[:CHANNELS]
    deviation = values[largest].sqrt()
    scale = deviation.sqrt() * deviation.mean().sqrt()
    return Codec(
        span=span,
        mean=mean.float(),
        basis=vectors[:, largest].T.float().contiguous(),
        scale=scale.float(),
    )


def save_codec(codec: Codec, path: Path) -> None:
    """Write the codec's constants."""
    save_file({"mean": codec.mean, "basis": codec.basis, "scale": codec.scale}, path)


def _cut(frames: torch.Tensor, span: int) -> torch.Tensor:
    b, f, h, w, c = frames.shape
    cubes = frames.reshape(b, f // span, span, h // _CELL, _CELL, w // _CELL, _CELL, c)
    return cubes.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4)


def _join(cubes: torch.Tensor, span: int) -> torch.Tensor:
    b, f, h, w, _ = cubes.shape
    parts = cubes.reshape(b, f, h, w, span, _CELL, _CELL, 3).permute(0, 1, 4, 2, 5, 3, 6, 7)
    return parts.reshape(b, f * span, h * _CELL, w * _CELL, 3)
