"""The sentence of a scene and the scene of a sentence.

``parse(caption(scene, phrasing)) == scene`` for every scene and every phrasing.
"""

import re

from chorus_runtime.shapes.attributes import BACKGROUNDS, COLOURS, SHAPES
from chorus_runtime.shapes.scene import Figure, Scene
from chorus_traces.errors import EngineError

PHRASINGS = 4

_MOVES = {
    "left": ("moving left", "moves left", "going left", "drifting left"),
    "right": ("moving right", "moves right", "going right", "drifting right"),
    "up": ("moving up", "moves up", "going up", "drifting up"),
    "down": ("moving down", "moves down", "going down", "drifting down"),
    "still": ("staying still", "stays still", "standing still", "at rest"),
}
_MOTION_WORDS = {word: word for word in ("left", "right", "up", "down", "still")} | {
    "rest": "still"
}
_RELATION_WORDS = {"above": "above", "over": "above", "next": "next to", "beside": "next to"}
_BACKGROUND_WORDS = {name: name for name in BACKGROUNDS} | {"checkered": "chequered"}
_SIZE_WORDS = {"small": "small", "large": "large", "tiny": "small", "big": "large"}


def caption(scene: Scene, phrasing: int = 0) -> str:
    """Return the caption of a scene in one of ``PHRASINGS`` wordings; the first is plain."""
    if not 0 <= phrasing < PHRASINGS:
        raise EngineError(f"phrasing {phrasing} is not in 0..{PHRASINGS - 1}")
    what = _said(scene.figures[0], phrasing)
    if len(scene.figures) == 2:
        near = {"above": ("above", "above", "over", "above")}.get(
            scene.relation, ("next to", "next to", "beside", "next to")
        )[phrasing]
        what = f"{what} {near} {_said(scene.figures[1], phrasing)}"
    if not scene.background:
        return what
    ground = scene.background
    return (
        f"{what} on a {ground} background",
        f"on a {ground} background, {what}",
        f"{what} in front of a {ground} backdrop",
        f"{ground} background with {what}",
    )[phrasing]


def parse(text: str) -> Scene:
    """Return the scene that a caption speaks of, in any mixture of the phrasings.

    Words outside the grammar are passed over; a figure without a motion stays still.

    Raises ``EngineError``: the text names no figure, more than two, or a shape without a colour.
    """
    figures: list[dict[str, str]] = []
    pending: dict[str, str] = {}
    background = relation = ""
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _SIZE_WORDS:
            pending["size"] = _SIZE_WORDS[word]
        elif word in COLOURS:
            pending["colour"] = word
        elif word in SHAPES:
            if "colour" not in pending:
                raise EngineError(f"caption {text!r}: {word!r} has no colour; name one before it")
            figures.append(pending | {"shape": word})
            pending = {}
        elif word in _MOTION_WORDS and figures:
            figures[-1]["motion"] = _MOTION_WORDS[word]
        elif word in _RELATION_WORDS:
            relation = _RELATION_WORDS[word]
        elif word in _BACKGROUND_WORDS:
            background = _BACKGROUND_WORDS[word]
    if not figures:
        raise EngineError(f"caption {text!r} names no shape; known: {', '.join(SHAPES)}")
    return Scene(
        figures=tuple(Figure(**figure) for figure in figures),
        background=background,
        relation=(relation or "next to") if len(figures) == 2 else "",
    )


def _said(figure: Figure, phrasing: int) -> str:
    size = figure.size if phrasing != 2 else {"small": "tiny", "large": "big"}.get(figure.size, "")
    noun = " ".join(part for part in ("a", size, figure.colour, figure.shape) if part)
    return f"{noun} {_MOVES[figure.motion][phrasing]}"
