"""The checker: reads number, colour, shape, motion, size and background off a clip.

Grey has no saturation, so the saturation of a pixel over that of its figure is the share of the
pixel that the figure covers. Connected covered pixels are a figure; its hue is the colour, its
centroid's way is the motion, and the shape is the template of its area with the best overlap.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from chorus_runtime.shapes.attributes import COLOURS, FRAMES, MOTIONS, SHAPES
from chorus_runtime.shapes.render import cover
from chorus_runtime.shapes.scene import Figure

Floats = npt.NDArray[np.float64]

#: Read where a clip's background is none of the world's.
UNCLEAR = "unclear"

# Saturation above which a pixel belongs to a figure; the palette lies at 0.65 to 0.85.
_SATURATED = 0.3
# Fewer covered pixels than this are a speck; the smallest figure covers 38.
_SPECK = 12
# Pixels of way below which a figure stays still; the shortest way drawn is 3.
_STILL = 1.7
# Radii between which a single figure is of regular size.
_SMALL_BELOW, _LARGE_ABOVE = 5.1, 7.0
# Difference of the two greys above which a background is textured; drawn textures have 0.26.
_TEXTURED = 0.13
# A plain grey between these is neither: drawn backgrounds lie at 0.10 and 0.88.
_DARK_BELOW, _LIGHT_ABOVE = 0.3, 0.7
# Area of each shape for a radius of one.
_AREAS = {"circle": 3.1416, "square": 2.9584, "triangle": 2.4027}
_STRETCH = (0.92, 1.0, 1.08)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a clip shows: up to two figures in the order of a scene, and how many there are.

    ``background`` is ``UNCLEAR`` where it is no background of the world: a washed-out mixture.
    """

    count: int
    figures: tuple[Figure, ...]
    background: str
    relation: str


def read_video(frames: torch.Tensor) -> Reading:
    """Return the reading of a clip (frames, height, width, 3) with values in [0, 1]."""
    pixels = frames.detach().cpu().double().numpy()
    saturation: Floats = pixels.max(-1) - pixels.min(-1)
    found = [_components(frame) for frame in saturation]
    count = int(np.median([len(masks) for masks in found]))
    background = _background(pixels, saturation)
    if count == 0:
        return Reading(count=0, figures=(), background=background, relation="")
    if count == 1:
        tracks, relation = [[max(masks, key=np.sum, default=None) for masks in found]], ""
    else:
        tracks, relation = _pair(found)
    figures = tuple(_figure(pixels, saturation, track, single=count == 1) for track in tracks)
    return Reading(count=count, figures=figures, background=background, relation=relation)


def _components(saturation: Floats) -> list[npt.NDArray[np.bool_]]:
    """Return the covered regions of one frame, the largest first."""
    labels, number = ndimage.label(saturation > _SATURATED)
    masks = [labels == label for label in range(1, number + 1)]
    return sorted((mask for mask in masks if mask.sum() >= _SPECK), key=np.sum, reverse=True)


def _pair(
    found: list[list[npt.NDArray[np.bool_]]],
) -> tuple[list[list[npt.NDArray[np.bool_] | None]], str]:
    """Return the two tracks in the order of a scene, and how they lie."""
    both = [masks[:2] if len(masks) >= 2 else None for masks in found]
    places = np.array([[ndimage.center_of_mass(m) for m in masks] for masks in both if masks])
    axis = int(np.argmax(np.abs(places[:, 0] - places[:, 1]).mean(0)))
    first: list[npt.NDArray[np.bool_] | None] = []
    second: list[npt.NDArray[np.bool_] | None] = []
    for masks in both:
        ordered = (
            sorted(masks, key=lambda mask: ndimage.center_of_mass(mask)[axis]) if masks else None
        )
        first.append(ordered[0] if ordered else None)
        second.append(ordered[1] if ordered else None)
    return [first, second], ("above", "next to")[axis]


def _figure(
    pixels: Floats,
    saturation: Floats,
    track: list[npt.NDArray[np.bool_] | None],
    *,
    single: bool,
) -> Figure:
    seen = [index for index, mask in enumerate(track) if mask is not None]
    masks = [mask for mask in track if mask is not None]
    inside = np.concatenate([pixels[i][mask] for i, mask in zip(seen, masks, strict=True)])
    values = np.concatenate([saturation[i][mask] for i, mask in zip(seen, masks, strict=True)])
    full = float(np.percentile(values, 75))
    coverage = np.stack(
        [
            np.clip(saturation[i] / full, 0, 1) * ndimage.binary_dilation(mask)
            for i, mask in zip(seen, masks, strict=True)
        ]
    )
    coverage[coverage < 0.08] = 0
    centres = np.array([ndimage.center_of_mass(frame)[::-1] for frame in coverage]) + 0.5
    shape, radius = _shape(coverage, centres)
    size = ""
    if single:
        size = "small" if radius < _SMALL_BELOW else "large" if radius > _LARGE_ABOVE else ""
    return Figure(
        colour=_colour(inside[values > 0.8 * full].mean(0)),
        shape=shape,
        motion=_motion(np.array(seen), centres),
        size=size,
    )


def _colour(rgb: Floats) -> str:
    """Return the colour whose hue is nearest: the direction of a colour away from grey."""
    palette = np.array(list(COLOURS.values()))
    hues = palette - palette.mean(1, keepdims=True)
    hue = rgb - rgb.mean()
    return list(COLOURS)[int(np.argmax(hues @ hue / np.linalg.norm(hues, axis=1)))]


def _motion(instants: npt.NDArray[np.int64], centres: Floats) -> str:
    if len(instants) < 2:
        return "still"
    way = np.polyfit(instants, centres, 1)[0] * (FRAMES - 1)
    if np.abs(way).max() < _STILL:
        return "still"
    return max(MOTIONS, key=lambda name: float(np.dot(MOTIONS[name], way)))


def _shape(coverage: Floats, centres: Floats) -> tuple[str, float]:
    area = float(coverage.sum((1, 2)).mean())
    kinds = [(shape, stretch) for shape in SHAPES for stretch in _STRETCH]
    radii = [float(np.sqrt(area / _AREAS[shape])) * stretch for shape, stretch in kinds]
    templates = cover(
        torch.from_numpy(centres).float().expand(len(kinds), -1, -1),
        torch.tensor(radii),
        torch.tensor([SHAPES.index(shape) for shape, _ in kinds]),
    ).numpy()
    overlap = np.minimum(templates, coverage).sum((1, 2, 3))
    best = int(np.argmax(overlap / np.maximum(templates, coverage).sum((1, 2, 3))))
    return kinds[best][0], radii[best]


def _background(pixels: Floats, saturation: Floats) -> str:
    """Return the background from the mean grey at the four places of the textures' period."""
    free = (saturation < _SATURATED / 3).astype(float)
    grey = pixels.mean(-1)
    rows = (np.arange(grey.shape[1]) // 2) % 2
    columns = (np.arange(grey.shape[2]) // 2) % 2
    means = np.zeros((2, 2))
    for y in range(2):
        for x in range(2):
            here = free * (rows == y)[:, None] * (columns == x)[None, :]
            means[y, x] = (grey * here).sum() / max(1.0, here.sum())
    striped = abs(means[0].mean() - means[1].mean())
    chequered = abs(means[0, 0] + means[1, 1] - means[0, 1] - means[1, 0]) / 2
    if max(striped, chequered) > _TEXTURED:
        return "striped" if striped > chequered else "chequered"
    if _DARK_BELOW <= means.mean() <= _LIGHT_ABOVE:
        return UNCLEAR
    return "light" if means.mean() > _LIGHT_ABOVE else "dark"
