"""Clips from layouts: anti-aliased signed distances, on any torch device, many at once."""

from dataclasses import dataclass

import numpy as np
import torch

from chorus_runtime.shapes.attributes import COLOURS, FRAMES, SIDE
from chorus_runtime.shapes.layout import Layout, lay_out
from chorus_runtime.shapes.scene import Scene

# Inradius of the triangle and half side of the square for a radius of one.
_INRADIUS = 0.68
_HALF_SIDE = 0.86


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """``frames`` (frames, height, width, 3) in [0, 1]; ``masks`` (figures, frames, h, w)."""

    frames: torch.Tensor
    masks: torch.Tensor


def render(scene: Scene, seed: int) -> Clip:
    """Return one clip of a scene; the seed decides where its figures lie."""
    layout = lay_out([scene], np.random.default_rng(seed))
    frames, coverage = render_layout(layout)
    return Clip(frames=frames[0], masks=coverage[0, : len(scene.figures)] > 0.5)


def render_layout(
    layout: Layout, device: str | torch.device = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return frames (clips, frames, height, width, 3) in [0, 1] and coverage (clips, 2, f, h, w).

    Coverage is the share of each pixel that a figure covers; it is zero for an absent figure.
    """
    coverage = cover(
        torch.from_numpy(layout.centres).to(device),
        torch.from_numpy(layout.radii).to(device),
        torch.from_numpy(layout.shapes).to(device),
    )
    palette = torch.tensor(list(COLOURS.values()), device=device)
    colours = palette[torch.from_numpy(layout.colours).to(device).clamp(min=0)]
    grey = _ground(
        torch.from_numpy(layout.greys).to(device), torch.from_numpy(layout.texture).to(device)
    )
    frames = grey[:, None, :, :, None].expand(-1, FRAMES, -1, -1, 3)
    for slot in range(2):
        share = coverage[:, slot, ..., None]
        frames = frames + share * (colours[:, slot, None, None, None, :] - frames)
    return frames, coverage


def cover(centres: torch.Tensor, radii: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
    """Return the coverage of figures: centres (..., frames, 2), radii and shapes (...).

    A negative shape index covers nothing.
    """
    axis = torch.arange(SIDE, device=centres.device, dtype=torch.float32) + 0.5
    x = axis[None, :] - centres[..., 0, None, None]
    y = axis[:, None] - centres[..., 1, None, None]
    r = radii[..., None, None, None]
    kind = shapes[..., None, None, None]
    circle = (x * x + y * y).sqrt() - r
    square = torch.maximum(x.abs(), y.abs()) - _HALF_SIDE * r
    triangle = torch.maximum(y, 0.866 * x.abs() - 0.5 * y) - _INRADIUS * r
    distance = torch.where(kind == 0, circle, torch.where(kind == 1, square, triangle))
    return (0.5 - distance).clamp(0, 1) * (kind >= 0)


def _ground(greys: torch.Tensor, texture: torch.Tensor) -> torch.Tensor:
    rows = (torch.arange(SIDE, device=greys.device) // 2) % 2
    striped = rows[:, None].expand(SIDE, SIDE)
    chequered = (rows[:, None] + rows[None, :]) % 2
    pick = torch.stack([torch.zeros_like(chequered), striped, chequered])[texture]
    first, second = greys[:, 0, None, None], greys[:, 1, None, None]
    return first + pick * (second - first)
