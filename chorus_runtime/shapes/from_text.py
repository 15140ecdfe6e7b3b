"""A scene for any text, so that real prompt traces can be replayed on the shapes model.

Each attribute is decided by the one word of the text that hashes lowest for it (min-wise hashing,
Broder 1997): two texts agree on an attribute with the probability J + (1 - J) / n, where J is the
share of words they have in common and n the number of values. Similar texts give similar scenes.
"""

import hashlib
import re

from chorus_runtime.shapes.attributes import BACKGROUNDS, COLOURS, MOTIONS, RELATIONS, SHAPES
from chorus_runtime.shapes.scene import Figure, Scene

_STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at by for from in into is it its of on or over that the their this to "
        "with",
    )
)


def scene_of_text(text: str, *, pairs: float = 0.5) -> Scene:
    """Return the scene of a text; equal texts give equal scenes, on every machine.

    ``pairs`` is the share of texts that become two figures. Case, order and punctuation do not
    matter; a text without a word is a scene too.
    """
    words = sorted(set(re.findall(r"\w+", text.lower())) - _STOP) or [""]
    first = _figure(words, "first")
    background = _pick(words, "background", tuple(BACKGROUNDS))
    if _share(words, "count") >= pairs:
        return Scene(figures=(first,), background=background)
    return Scene(
        figures=(first, _figure(words, "second")),
        background=background,
        relation=_pick(words, "relation", RELATIONS),
    )


def _figure(words: list[str], slot: str) -> Figure:
    return Figure(
        colour=_pick(words, f"{slot} colour", tuple(COLOURS)),
        shape=_pick(words, f"{slot} shape", SHAPES),
        motion=_pick(words, f"{slot} motion", tuple(MOTIONS)),
    )


def _pick(words: list[str], attribute: str, values: tuple[str, ...]) -> str:
    return values[int(_share(words, attribute) * len(values))]


def _share(words: list[str], attribute: str) -> float:
    """Return a number in [0, 1) that the lowest word decides."""
    lowest = min(words, key=lambda word: _hash(f"order {attribute} {word}"))
    return _hash(f"value {attribute} {lowest}") / 2**64


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
