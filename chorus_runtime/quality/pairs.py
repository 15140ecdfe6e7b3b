"""Pairs of prompts that differ in one way: what the donor was asked for, and what is asked now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chorus_runtime.shapes.caption import PHRASINGS, caption
from chorus_runtime.shapes.edit import EDITS, edit
from chorus_runtime.shapes.scene import Scene, draw_scene
from chorus_traces.errors import EngineError, unknown

#: The edits of one attribute, and a control: the same scene in other words.
KINDS = (*EDITS, "wording")

_SEEDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two captions; ``scene`` is what the new one asks for, ``before`` what the old one did.

    ``seed`` draws the noise of the donor and of the full run the new prompt is compared with.
    """

    number: int
    kind: str
    before: Scene
    scene: Scene
    old: str
    new: str
    seed: int


def draw_pairs(count: int, seed: int, kinds: Sequence[str] = KINDS) -> list[Pair]:
    """Return ``count`` pairs, the kinds in turn. A pair depends on ``seed`` and its number alone.

    Half of the scenes have two figures. Raises ``EngineError`` for an unknown kind.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise EngineError(unknown("kind of edit", kind, KINDS))
    return [_draw(number, kinds[number % len(kinds)], seed) for number in range(count)]


def _draw(number: int, kind: str, seed: int) -> Pair:
    rng = np.random.default_rng([seed, number])
    before = draw_scene(rng, pairs=0.5, sized=0.0)
    scene = before if kind == "wording" else edit(before, kind, rng)
    said = int(rng.integers(PHRASINGS))
    differently = (said + 1 + int(rng.integers(PHRASINGS - 1))) % PHRASINGS
    return Pair(
        number=number,
        kind=kind,
        before=before,
        scene=scene,
        old=caption(before, said),
        new=caption(scene, differently if kind == "wording" else said),
        seed=seed * _SEEDS + number,
    )
