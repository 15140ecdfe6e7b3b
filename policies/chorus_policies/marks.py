"""Marks: the words of a prompt that decide its composition, and that sentence vectors blur.

"two red cars" and "three blue cars" have a cosine near one, as have "left" and "right" or a prompt
and its negation. Marks are the counts, colours, directions and negations of a prompt, each with the
word it stands before, so that swapped roles differ too.
"""

import re

_COUNTS = {
    "no": "0", "zero": "0", "one": "1", "single": "1", "two": "2", "couple": "2", "pair": "2",
    "both": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "dozen": "12", "several": "some", "many": "some", "crowd": "some",
}  # fmt: skip
_COLOURS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "cyan",
        "teal",
        "turquoise",
        "purple",
        "violet",
        "magenta",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "gray",
        "silver",
        "gold",
        "golden",
        "beige",
        "crimson",
        "scarlet",
        "maroon",
        "navy",
    ]
)
_DIRECTIONS = frozenset(
    [
        "left",
        "right",
        "up",
        "down",
        "upward",
        "upwards",
        "downward",
        "downwards",
        "forward",
        "forwards",
        "backward",
        "backwards",
        "clockwise",
        "counterclockwise",
        "anticlockwise",
        "above",
        "below",
        "under",
        "over",
        "behind",
        "front",
        "inside",
        "outside",
        "north",
        "south",
        "east",
        "west",
        "rising",
        "falling",
        "ascending",
        "descending",
        "entering",
        "leaving",
        "opening",
        "closing",
        "zooming",
        "in",
        "out",
    ]
)
_NEGATIONS = frozenset(["not", "never", "without", "nobody", "nothing", "none", "cannot"])

_WORD = re.compile(r"[a-z0-9]+(?:n't)?")


def marks_of(prompt: str) -> frozenset[str]:
    """Return the marks of ``prompt``; equal sets mean no difference that is known to matter."""
    words = _WORD.findall(prompt.lower())
    marks = set()
    for place, word in enumerate(words):
        if word in _NEGATIONS or word.endswith("n't"):
            kind = "not"
        elif word in _COUNTS or (word.isdigit() and len(word) <= 2):
            kind = f"count {_COUNTS.get(word, word)}"
        elif word in _COLOURS:
            kind = f"colour {'grey' if word == 'gray' else word}"
        elif word in _DIRECTIONS:
            kind = f"direction {word}"
        else:
            continue
        following = words[place + 1] if place + 1 < len(words) else ""
        bound = kind == "not" or kind.startswith(("count", "colour"))
        marks.add(f"{kind} {following}" if bound else kind)
    return frozenset(marks)
