"""Marks: the words of a prompt that decide its composition, and that sentence vectors blur.

"two red cars" and "three blue cars" have a cosine near one, as have "left" and "right" or a prompt
and its negation. Marks are the counts, colours, negations and directions of a prompt, each with the
noun it belongs to where word order tells, who acts in a relation ("a dog chases a cat"), and the
side the prompt takes in pairs of opposites. Cost: 5 to 15 us a prompt. Left out: grammar; nouns are
found by skipping known adjectives, and languages other than English have no marks.
"""

import re

from chorus_policies.mark_words import (
    ADJECTIVES,
    COLOURS,
    COUNTS,
    DETERMINERS,
    DIRECTIONS,
    ENDING_IN_ING,
    IRREGULAR,
    NEGATIONS,
    NOT_ACTING,
    OPPOSITES,
    PHRASES,
    RELATIONS,
    UNITS,
    WITH_IN_OR_OUT,
)

#: Starts a mark that only matters where both prompts take a side.
_SIDE = "~"

#: No noun is further from its count or colour than this.
_REACH = 5

_WORD = re.compile(r"[a-z0-9]+(?:'t)?")
_PHRASES = re.compile(r"\b(?:" + "|".join(PHRASES) + r")\b")

_KINDS: dict[str, tuple[str, str]] = {
    **{word: ("side", f"{_SIDE}{axis} {side}") for word, (axis, side) in OPPOSITES.items()},
    **{word: ("direction", f"direction {name}") for word, name in DIRECTIONS.items()},
    **{word: ("relation", name) for word, name in RELATIONS.items()},
    "in": ("in or out", "in"),
    "out": ("in or out", "out"),
    **{word: ("colour", name) for word, name in COLOURS.items()},
    **{word: ("count", str(count)) for word, count in COUNTS.items()},
    **dict.fromkeys(NEGATIONS, ("not", "")),
}


def marks_of(prompt: str) -> frozenset[str]:
    """Return the marks of ``prompt``; compare them with ``marks_differ``."""
    text = prompt.lower().replace("\u2019", "'")
    text = _PHRASES.sub(_joined, text)
    words = _WORD.findall(text)
    marks = []
    for place, word in enumerate(words):
        kind = _KINDS.get(word)
        if kind is None:
            if word.isdigit() and len(word) <= 2:
                kind = ("count", str(int(word)))
            elif word.endswith("n't"):
                kind = ("not", "")
            else:
                continue
        mark = _mark(kind, words, place)
        if mark:
            marks.append(mark)
    return frozenset(marks)


def marks_differ(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two prompts differ in a way that is known to matter.

    A side taken by one prompt alone does not matter; any other mark does.
    """
    if one == other:
        return False
    whose: dict[str, bool] = {}
    for mark in one ^ other:
        if mark[0] != _SIDE:
            return True
        mine = mark in one
        if whose.setdefault(mark.split(" ")[0], mine) != mine:
            return True
    return False


def _mark(kind: tuple[str, str], words: list[str], place: int) -> str:
    name, value = kind
    if name in ("side", "direction"):
        return value
    if name == "in or out":
        before = words[place - 1] if place else ""
        return f"direction {before[:3]} {value}" if before in WITH_IN_OR_OUT else ""
    if name == "relation":
        return f"{value} by {_actor(words, place)}"
    if name == "colour":
        return f"colour {value} {_noun(words, place)}"
    if name == "not":
        return f"not {_noun(words, place)}"
    if value == "1" or (place + 1 < len(words) and words[place + 1] in UNITS):
        # "one car" is "a car"; "35 mm" counts nothing.
        return ""
    noun = _noun(words, place)
    return f"not {noun}" if value == "0" else f"count {value} {noun}"


def _noun(words: list[str], place: int) -> str:
    """Return the next word that is no known adjective, as a singular; "" at the end."""
    for word in words[place + 1 : place + 1 + _REACH]:
        if word not in ADJECTIVES and word not in DETERMINERS and word not in COLOURS:
            return _singular(word)
    return ""


def _actor(words: list[str], place: int) -> str:
    """Return the noun before a relation, or the one after "by" where it is passive."""
    if place + 1 < len(words) and words[place + 1] == "by":
        return _noun(words, place + 1)
    for word in reversed(words[max(0, place - _REACH) : place]):
        moving = word.endswith("ing") and len(word) > 5 and word not in ENDING_IN_ING
        if word not in NOT_ACTING and not moving:
            return _singular(word)
    return ""


def _singular(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def _joined(found: re.Match[str]) -> str:
    return PHRASES[found.group()]
