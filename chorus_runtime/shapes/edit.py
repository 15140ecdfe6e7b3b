"""Edits: the scene of a prompt that differs from another one in exactly one attribute."""

import dataclasses

import numpy as np

from chorus_runtime.shapes.attributes import BACKGROUNDS, COLOURS, MOTIONS, RELATIONS, SHAPES
from chorus_runtime.shapes.scene import Figure, Scene
from chorus_traces.errors import EngineError, unknown

EDITS = ("colour", "shape", "motion", "count", "background")
_VALUES = {"colour": tuple(COLOURS), "shape": SHAPES, "motion": tuple(MOTIONS)}


def edit(scene: Scene, kind: str, rng: np.random.Generator) -> Scene:
    """Return the scene with one attribute changed; everything else stays.

    An edit of colour, shape or motion changes one figure; an edit of the count adds a second figure
    or takes it away.

    Raises ``EngineError``: an unknown kind, or a second figure beside one of a named size.
    """
    if kind not in EDITS:
        raise EngineError(unknown("kind of edit", kind, EDITS))
    if kind == "background":
        return dataclasses.replace(
            scene, background=_other(rng, tuple(BACKGROUNDS), scene.background)
        )
    if kind == "count":
        return _with_other_count(scene, rng)
    slot = int(rng.integers(len(scene.figures)))
    figure = scene.figures[slot]
    changed = dataclasses.replace(
        figure, **{kind: _other(rng, _VALUES[kind], getattr(figure, kind))}
    )
    figures = (*scene.figures[:slot], changed, *scene.figures[slot + 1 :])
    return dataclasses.replace(scene, figures=figures)


def _with_other_count(scene: Scene, rng: np.random.Generator) -> Scene:
    first = scene.figures[0]
    if len(scene.figures) == 2:
        return dataclasses.replace(scene, figures=(first,), relation="")
    if first.size:
        raise EngineError(
            f"a second figure cannot join a {first.size} one; edit a scene of regular size"
        )
    second = Figure(
        **{name: values[int(rng.integers(len(values)))] for name, values in _VALUES.items()}
    )
    relation = RELATIONS[int(rng.integers(len(RELATIONS)))]
    return dataclasses.replace(scene, figures=(first, second), relation=relation)


def _other(rng: np.random.Generator, values: tuple[str, ...], current: str) -> str:
    others = [value for value in values if value != current]
    return others[int(rng.integers(len(others)))]
