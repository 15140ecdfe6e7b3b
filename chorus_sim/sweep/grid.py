"""The grid: fields of the scenario and the values each takes, as people write it.

``capacity=1GiB..1TiB:8 policy=lru,adaptive gpus=4..64:6`` has 8 x 2 x 6 points. Values are
separated by commas, or by semicolons where a value holds a comma
(``profile=wan2.1-1.3b-h200,wan2.1-14b-h200;wan2.1-1.3b-h100``). Ranges are in ``ranges.py``.
"""

import math
import shlex

import msgspec

from chorus_policies.entry import parse_bytes
from chorus_sim.sweep.fields import field_of
from chorus_sim.sweep.ranges import MOST_POINTS, spread
from chorus_traces.errors import ScenarioError


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the scenario, by dotted name, and the values it takes, as texts."""

    field: str
    values: tuple[str, ...]


def parse_grid(text: str) -> tuple[Axis, ...]:
    """Return the axes in ``text``, in the order they are written.

    Raises ``ScenarioError`` on an unknown field (the nearest is suggested), a field or a value
    given twice, a range without points, and more than ``MOST_POINTS`` points.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ScenarioError(f"--grid {text!r}: {error}") from None
    if not words:
        raise ScenarioError("--grid is empty; write fields and values, such as gpus=4,8,16")
    axes: list[Axis] = []
    for word in words:
        axis = _axis(word)
        if any(axis.field == other.field for other in axes):
            raise ScenarioError(f"--grid {word}: {axis.field} is named twice; name it once")
        axes.append(axis)
    points = math.prod(len(axis.values) for axis in axes)
    if points > MOST_POINTS:
        sizes = " x ".join(str(len(axis.values)) for axis in axes)
        raise ScenarioError(
            f"--grid has {points:,} points ({sizes}); {MOST_POINTS:,} are the most, ask for fewer"
        )
    return tuple(axes)


def _axis(word: str) -> Axis:
    name, equals, listed = word.partition("=")
    if not equals:
        raise ScenarioError(f"--grid {word}: write FIELD=VALUES, such as gpus=4,8,16")
    field = field_of(name)
    items = [item.strip() for item in listed.split(";" if ";" in listed else ",")]
    if not all(items):
        raise ScenarioError(f"--grid {word}: a value is missing")
    values = [value for item in items for value in spread(field, item)]
    seen: dict[object, str] = {}
    for value in values:
        meaning = _meaning(value)
        if meaning in seen:
            raise ScenarioError(
                f"--grid {word}: {seen[meaning]} and {value} are the same; give each once"
            )
        seen[meaning] = value
    return Axis(field=field, values=tuple(values))


def _meaning(value: str) -> object:
    """Return what a value stands for: 1GiB and 1024MiB, 4 and 4.0 are the same."""
    for read in (float, parse_bytes):
        try:
            return read.__name__, read(value)
        except ValueError:
            continue
    return value
