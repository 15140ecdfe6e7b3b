"""Ranges of a grid: ``a..b:n`` as ``n`` values from ``a`` to ``b``, both included.

Sizes, shares of the trace, times, multiples, GPUs and other numbers are spread by equal ratios,
because what a cache or a queue does changes with the ratio. Seeds, and ranges that start at zero,
are spread by equal differences. ``a..b:n:linear`` and ``a..b:n:geometric`` say it outright.
"""

import re

import numpy as np

from chorus_policies.entry import parse_bytes
from chorus_sim.sweep.fields import is_whole
from chorus_traces.errors import ScenarioError

#: The most points of a range and of a whole grid.
MOST_POINTS = 100_000

_RANGE = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+?):(?P<count>\d+)(:(?P<how>linear|geometric))?")
_QUANTITY = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+) ?(?P<unit>[A-Za-z%]*)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_MIB = 2**20


def spread(field: str, text: str) -> list[str]:
    """Return the values in ``text``: one value as it is, or those of a range.

    Raises ``ScenarioError`` on a range without points, reversed, or with mixed units.
    """
    if ".." not in text or "/" in text:
        return [text]
    where = f"--grid {field}={text}"
    parts = _RANGE.fullmatch(text)
    if parts is None:
        raise ScenarioError(f"{where}: a range is written LOW..HIGH:POINTS, such as 4..64:6")
    count = int(parts["count"])
    if not 2 <= count <= MOST_POINTS:
        raise ScenarioError(
            f"{where}: {count} points; 2 to {MOST_POINTS:,} are needed (for one, write the value)"
        )
    low, unit = _quantity(where, parts["low"])
    high, high_unit = _quantity(where, parts["high"])
    if unit != high_unit:
        raise ScenarioError(f"{where}: {parts['low']} and {parts['high']} are of different kinds")
    if low >= high:
        raise ScenarioError(
            f"{where}: {parts['low']} is not below {parts['high']}; turn them round"
        )
    linear = low == 0 or field == "run.seed" if parts["how"] is None else parts["how"] == "linear"
    if not linear and low == 0:
        raise ScenarioError(f"{where}: equal ratios cannot start at 0; write :linear")
    values = np.linspace(low, high, count) if linear else np.geomspace(low, high, count)
    values[0], values[-1] = low, high
    texts = [_written(float(value), unit, whole=is_whole(field)) for value in values]
    if len(set(texts)) < count:
        raise ScenarioError(
            f"{where}: only {len(set(texts))} different values among {count}; ask for fewer points"
        )
    return texts


def _quantity(where: str, text: str) -> tuple[float, str]:
    """Return a number and what kind it is of: ``B``, ``s``, ``%``, ``x`` or nothing."""
    parts = _QUANTITY.fullmatch(text.strip())
    if parts is not None:
        number, unit = float(parts["number"]), parts["unit"]
        if unit in _SECONDS:
            return number * _SECONDS[unit], "s"
        if unit in ("", "%", "x"):
            return number, unit
        try:
            return float(parse_bytes(text)), "B"
        except ValueError:
            pass
    raise ScenarioError(
        f"{where}: {text!r} is not a quantity; a number, a size (64GiB), a share (5%), a time "
        "(30s) or a multiple (2x) is needed"
    )


def _written(value: float, unit: str, *, whole: bool) -> str:
    if unit == "B":
        mib = round(value / _MIB)
        if mib < 64:
            return f"{round(value)}B"
        return f"{mib}MiB" if mib % 1024 else f"{mib // 1024}GiB"
    if whole and not unit:
        return str(round(value))
    return f"{float(f'{value:.6g}'):g}{unit}"
