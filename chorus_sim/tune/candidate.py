"""A candidate: the base policy with what a trial has chosen."""

import copy
from typing import Any

import tomli_w

from chorus_policies.policy import Policy, parse_policy
from chorus_sim.tune.space import Space, Value, value_at
from chorus_traces.errors import PolicyError, ScenarioError


def candidate(space: Space, base: Policy, chosen: dict[str, Value], name: str) -> Policy:
    """Return the base with the chosen values.

    A section of another kind, and a key of the space that is not chosen, start from their
    defaults. Raises ``PolicyError`` if a part refuses its numbers.
    """
    table = copy.deepcopy(base.to_table())
    for key, value in chosen.items():
        section, _, field = key.partition(".")
        if field == "kind" and section != "entry" and table[section]["kind"] != value:
            table[section] = {}
    for key in space.parameters:
        if key in chosen:
            _put(table, key, chosen[key])
        else:
            _leave_out(table, key)
    table |= {"name": name, "summary": f"{base.name}, tuned"}
    return parse_policy(tomli_w.dumps(table), where=name, name=name)


def check_space(space: Space, base: Policy) -> None:
    """Try every choice and both ends of every range beside the base's other values.

    Raises ``ScenarioError`` naming a key that the policy does not have, or a value it refuses.
    """
    own = {key: value_at(base.tables, key) for key in space.parameters}
    for key, parameter in space.parameters.items():
        ends: tuple[Value, ...] = parameter.choices or (parameter.low, parameter.high)
        needed = {other: values[0] for other, values in parameter.when.items()}
        for value in ends:
            chosen = _fitting(space, own | needed | {key: value})
            try:
                tried = candidate(space, base, chosen, base.name)
            except PolicyError as error:
                raise ScenarioError(f"space: {key} = {value}: {error}") from error
            if value_at(tried.tables, key) != value:
                raise ScenarioError(f"space: {key} is not a key of policy {base.name}")


def _fitting(space: Space, wanted: dict[str, Value]) -> dict[str, Value]:
    """Return those of ``wanted`` that exist beside each other and lie in the space."""
    chosen: dict[str, Value] = {}
    for key, parameter in space.parameters.items():
        if parameter.active(chosen) and parameter.holds(wanted[key]):
            chosen[key] = wanted[key]
    return chosen


def _put(table: dict[str, Any], key: str, value: Value) -> None:
    *path, last = key.split(".")
    node = value_at(table, ".".join(path)) if path else table
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise ScenarioError(f"space: {key} is not a key of the policy")


def _leave_out(table: dict[str, Any], key: str) -> None:
    head, _, last = key.rpartition(".")
    node = value_at(table, head)
    if isinstance(node, dict):
        node.pop(last, None)
