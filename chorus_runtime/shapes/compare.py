"""Which attributes of a scene a reading shows, and tables of what was taken for what."""

from collections import Counter
from collections.abc import Iterable

from chorus_runtime.shapes.read_video import Reading
from chorus_runtime.shapes.scene import Figure, Scene
from chorus_traces.errors import EngineError, unknown

ATTRIBUTES = ("count", "colour", "shape", "motion", "size", "relation", "background")
_FIGURE_ATTRIBUTES = ("colour", "shape", "motion")


def compare(scene: Scene, reading: Reading) -> dict[str, bool]:
    """Return for every attribute that the scene fixes whether the reading shows it, and "all".

    An attribute of two figures is right when it is right for both. Two figures next to each other
    may stand in either order.
    """
    right = {"count": reading.count == len(scene.figures)}
    figures = _ordered(scene, reading)
    for attribute in _FIGURE_ATTRIBUTES:
        right[attribute] = len(figures) >= len(scene.figures) and all(
            getattr(wanted, attribute) == getattr(shown, attribute)
            for wanted, shown in zip(scene.figures, figures, strict=False)
        )
    if len(scene.figures) == 1:
        right["size"] = bool(figures) and figures[0].size == scene.figures[0].size
    else:
        right["relation"] = reading.relation == scene.relation
    if scene.background:
        right["background"] = reading.background == scene.background
    return {**right, "all": all(right.values())}


def difference(first: Scene, second: Scene) -> frozenset[str]:
    """Return the attributes in which two scenes differ."""
    differing = set()
    if len(first.figures) != len(second.figures):
        differing.add("count")
    elif first.relation != second.relation:
        differing.add("relation")
    if first.background != second.background:
        differing.add("background")
    for before, after in zip(first.figures, second.figures, strict=False):
        differing |= {
            attribute
            for attribute in (*_FIGURE_ATTRIBUTES, "size")
            if getattr(before, attribute) != getattr(after, attribute)
        }
    return frozenset(differing)


def confusion(pairs: Iterable[tuple[Scene, Reading]], attribute: str) -> Counter[tuple[str, str]]:
    """Return how often each true value of an attribute was read as which value.

    Attributes of figures count once a figure; a figure that was not found is read as "none".
    """
    if attribute not in ATTRIBUTES:
        raise EngineError(unknown("attribute", attribute, ATTRIBUTES))
    table: Counter[tuple[str, str]] = Counter()
    for scene, reading in pairs:
        if attribute == "count":
            table[str(len(scene.figures)), str(reading.count)] += 1
        elif attribute in ("background", "relation"):
            table[str(getattr(scene, attribute)), str(getattr(reading, attribute))] += 1
        else:
            shown = _ordered(scene, reading)
            for slot, wanted in enumerate(scene.figures):
                got = getattr(shown[slot], attribute) if slot < len(shown) else "none"
                table[getattr(wanted, attribute), got] += 1
    return table


def confusion_text(table: Counter[tuple[str, str]]) -> str:
    """Return a table of counts: a row for each true value, a column for each value read."""
    rows = sorted({true for true, _ in table})
    columns = sorted({read for _, read in table})
    wide = max(len(name) for name in ("true \\ read", *rows, *columns)) + 1
    lines = ["".join(name.rjust(wide) for name in ("true \\ read", *columns))]
    lines += [
        "".join(text.rjust(wide) for text in (row, *(str(table[row, read]) for read in columns)))
        for row in rows
    ]
    return "\n".join(lines)


def _ordered(scene: Scene, reading: Reading) -> tuple[Figure, ...]:
    """Return the figures read, in the order that fits the scene better where order is free."""
    figures = reading.figures
    if scene.relation == "next to" and len(figures) == 2:
        return max((figures, figures[::-1]), key=lambda shown: _agreement(scene, shown))
    if len(scene.figures) == 1 and len(figures) > 1:
        return max(((f,) for f in figures), key=lambda shown: _agreement(scene, shown))
    return figures


def _agreement(scene: Scene, shown: tuple[Figure, ...]) -> int:
    return sum(
        getattr(wanted, attribute) == getattr(got, attribute)
        for wanted, got in zip(scene.figures, shown, strict=False)
        for attribute in _FIGURE_ATTRIBUTES
    )
