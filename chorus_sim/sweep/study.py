"""What a study is, as one table of plain facts: enough to know it again, nothing that varies."""

import hashlib
from importlib.metadata import version
from typing import Any

import msgspec

from chorus_sim.scenario import Scenario
from chorus_sim.sweep.grid import Axis
from chorus_sim.sweep.point import Names, Stamp

SCHEMA = "chorus.study/1"


def study_of(
    text: str, axes: tuple[Axis, ...], base: Scenario, stamps: list[Stamp], names: Names
) -> dict[str, Any]:
    """Return the facts of a study: the grid as written and as read, the scenario, what it names."""
    points = 1
    for axis in axes:
        points *= len(axis.values)
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "grid": " ".join(text.split()),
        "axes": [{"field": axis.field, "values": list(axis.values)} for axis in axes],
        "points": points,
        "scenario": base.to_toml(),
        "traces": [msgspec.to_builtins(stamp) for stamp in stamps],
        "policies": {name: policy.fingerprint for name, policy in names.policies.items()},
        "profiles": {
            name: {
                "source": book.source,
                "sha256": _sha256(book.profiles),
            }
            for name, book in names.books.items()
        },
        "quality": {name: _sha256(curve) for name, curve in names.curves.items()},
        "prices": _prices_source(axes, base),
        "versions": {name: version(name) for name in ("chorus-cache", "simpy")},
    }


def _prices_source(axes: tuple[Axis, ...], base: Scenario) -> str:
    """Return where the prices of all points are from; a grid of prices gives one of the two."""
    source = base.prices.source
    if source == "assumed" and any(axis.field.startswith("prices.") for axis in axes):
        return "assumed in part"
    return source


def _sha256(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
