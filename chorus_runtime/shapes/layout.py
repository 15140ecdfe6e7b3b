"""Where the figures of a scene lie in every frame: drawn at random, inside the frame, apart.

Arrays over many scenes at once: ``centres`` (scenes, 2, frames, xy) and ``radii`` (scenes, 2) in
pixels, ``shapes`` and ``colours`` (scenes, 2) as indices, -1 where a scene has one figure,
``greys`` (scenes, 2) and ``texture`` (scenes,): 0 plain, 1 striped, 2 chequered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chorus_runtime.shapes.attributes import (
    BACKGROUNDS,
    COLOURS,
    EXTENTS,
    FRAMES,
    MOTIONS,
    PAIR_RADIUS,
    RADIUS_JITTER,
    SHAPES,
    SIDE,
    SINGLE_RADIUS,
    WAY,
)
from chorus_runtime.shapes.scene import Figure, Scene

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_MARGIN = 1.0
# How far two neighbours may be shifted along the other axis.
_SHIFT = 4.0
_GREY_JITTER = 0.03
_TEXTURES = {"striped": 1, "chequered": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The geometry of many scenes; row i belongs to scene i."""

    centres: Floats
    radii: Floats
    shapes: Indices
    colours: Indices
    greys: Floats
    texture: Indices


def lay_out(scenes: Sequence[Scene], rng: np.random.Generator) -> Layout:
    """Return a random layout of each scene; equal generators give equal layouts."""
    count = len(scenes)
    centres = np.zeros((count, 2, FRAMES, 2), np.float32)
    radii = np.ones((count, 2), np.float32)
    shapes = np.full((count, 2), -1, np.int64)
    colours = np.full((count, 2), -1, np.int64)
    greys = np.zeros((count, 2), np.float32)
    texture = np.zeros(count, np.int64)
    names = tuple(BACKGROUNDS)
    palette = tuple(COLOURS)
    for row, scene in enumerate(scenes):
        chance = rng.random(12)
        background = scene.background or names[int(chance[0] * len(names))]
        greys[row] = np.asarray(BACKGROUNDS[background]) + _GREY_JITTER * (2 * chance[1] - 1)
        texture[row] = _TEXTURES.get(background, 0)
        for slot, figure in enumerate(scene.figures):
            low, high = _lane(scene.relation, slot)
            regular = PAIR_RADIUS if scene.relation else SINGLE_RADIUS[figure.size]
            u = chance[2 + 5 * slot : 7 + 5 * slot]
            radius = regular + RADIUS_JITTER * (2 * u[0] - 1)
            centres[row, slot] = _path(figure, radius, low, high, scene.relation, u[1:3])
            radii[row, slot] = radius
            shapes[row, slot] = SHAPES.index(figure.shape)
            colours[row, slot] = palette.index(figure.colour)
    return Layout(
        centres=centres, radii=radii, shapes=shapes, colours=colours, greys=greys, texture=texture
    )


def _lane(relation: str, slot: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the lowest and the highest (x, y) that the figure may touch."""
    near, far = _MARGIN, SIDE - _MARGIN
    if not relation:
        return (near, near), (far, far)
    half = SIDE / 2
    start, stop = (near, half - _MARGIN) if slot == 0 else (half + _MARGIN, far)
    if relation == "above":
        return (near, start), (far, stop)
    return (start, near), (stop, far)


def _path(
    figure: Figure,
    radius: float,
    low: tuple[float, float],
    high: tuple[float, float],
    relation: str,
    chance: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    wide, upper, lower = (radius * reach for reach in EXTENTS[figure.shape])
    first = np.array([low[0] + wide, low[1] + upper])
    last = np.array([high[0] - wide, high[1] - lower])
    direction = np.array(MOTIONS[figure.motion])
    way = direction * np.minimum(WAY, last - first)
    first, last = first + np.abs(way) / 2, last - np.abs(way) / 2
    middle = first + chance * (last - first)
    if relation:
        free = 0 if relation == "above" else 1
        wanted = SIDE / 2 + _SHIFT * (2 * chance[free] - 1)
        middle[free] = np.clip(wanted, first[free], last[free])
    time = np.linspace(-0.5, 0.5, FRAMES)[:, None]
    path: npt.NDArray[np.float64] = middle + time * way
    return path
