"""The fields a grid can name: any of the scenario, by dotted or by short name."""

from typing import Any

import msgspec

from chorus_sim.scenario import Scenario
from chorus_traces.errors import ScenarioError, unknown

#: Short names beside the last words of dotted names (``gpus`` for ``fleet.gpus``).
_SHORT_NAMES = {"trace": "trace.path", "slo": "slo.target"}

#: Fields that a sweep does not read: it runs no bounds, and each seed is a point of its own.
WITHOUT_EFFECT = {
    "run.bounds": "a sweep runs no bounds",
    "run.replications": "write seed=0..4:5 instead, each seed is a point",
}

#: Tables whose keys are free.
_FREE = ("prices.gib_hour_usd",)


def field_of(name: str) -> str:
    """Return the dotted name of a field. Raises ``ScenarioError`` on one a grid cannot have."""
    known = flattened(msgspec.to_builtins(Scenario()))
    short = {field.rpartition(".")[2]: field for field in known} | _SHORT_NAMES
    field = short.get(name.replace("-", "_"), name)
    if field in WITHOUT_EFFECT:
        raise ScenarioError(f"--grid {name}: has no effect here: {WITHOUT_EFFECT[field]}")
    if field in known or field.rpartition(".")[0] in _FREE:
        return field
    names = {*short, *known} - {
        *WITHOUT_EFFECT,
        *(key.rpartition(".")[2] for key in WITHOUT_EFFECT),
    }
    raise ScenarioError(f"--grid: {unknown('field', name, names)}")


def is_whole(field: str) -> bool:
    """Tell whether the field takes whole numbers alone."""
    if field == "fleet.gpus":
        return True
    return type(flattened(msgspec.to_builtins(Scenario())).get(field)) is int


def flattened(table: dict[str, Any], head: str = "") -> dict[str, Any]:
    """Return the leaves of nested tables by dotted name."""
    leaves: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            leaves |= flattened(value, f"{head}{key}.")
        else:
            leaves[head + key] = value
    return leaves
