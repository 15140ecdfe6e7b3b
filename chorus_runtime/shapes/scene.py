"""A scene: what a caption says about a clip. Where things lie is left to the renderer."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chorus_runtime.shapes.attributes import (
    BACKGROUNDS,
    COLOURS,
    MOTIONS,
    RELATIONS,
    SHAPES,
    SIZES,
)
from chorus_traces.errors import EngineError, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One coloured shape and how it moves; an empty size is the regular one."""

    colour: str
    shape: str
    motion: str = "still"
    size: str = ""

    def __post_init__(self) -> None:
        """Refuse a word that the world does not have."""
        _known("colour", self.colour, COLOURS)
        _known("shape", self.shape, SHAPES)
        _known("motion", self.motion, MOTIONS)
        _known("size", self.size, SIZES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One or two figures on a background; an empty background is left open by the caption.

    The first of two figures lies above the second, or to its left where they are next to each
    other. Two figures are always of regular size.
    """

    figures: tuple[Figure, ...]
    background: str = ""
    relation: str = ""

    def __post_init__(self) -> None:
        """Refuse a scene that cannot be drawn."""
        if self.background:
            _known("background", self.background, BACKGROUNDS)
        if len(self.figures) not in (1, 2):
            raise EngineError(f"a scene has one or two figures, not {len(self.figures)}")
        if len(self.figures) == 1 and self.relation:
            raise EngineError(f"a single figure cannot be {self.relation!r} another")
        if len(self.figures) == 2:
            _known("relation", self.relation, RELATIONS)
            if any(figure.size for figure in self.figures):
                raise EngineError("two figures share a frame: leave their size out")


def draw_scene(rng: np.random.Generator, *, pairs: float = 0.5, sized: float = 0.3) -> Scene:
    """Return a scene at random.

    ``pairs`` is the probability of two figures, ``sized`` that of a named size on a single one.
    """
    background = _pick(rng, tuple(BACKGROUNDS))
    if rng.random() < pairs:
        return Scene(
            figures=(_draw_figure(rng, ""), _draw_figure(rng, "")),
            background=background,
            relation=_pick(rng, RELATIONS),
        )
    size = _pick(rng, ("small", "large")) if rng.random() < sized else ""
    return Scene(figures=(_draw_figure(rng, size),), background=background)


def _draw_figure(rng: np.random.Generator, size: str) -> Figure:
    return Figure(
        colour=_pick(rng, tuple(COLOURS)),
        shape=_pick(rng, SHAPES),
        motion=_pick(rng, tuple(MOTIONS)),
        size=size,
    )


def _pick(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def _known(what: str, got: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if got not in names:
        raise EngineError(unknown(what, got, names))
