"""Read a scenario: defaults, then a TOML file, then single fields."""

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from chorus_sim.scenario import Scenario
from chorus_traces.errors import ScenarioError, unknown


def read_scenario(path: Path | None, changes: dict[str, Any]) -> Scenario:
    """Return the scenario in ``path`` (defaults where ``None``) with ``changes`` on top.

    ``changes`` maps dotted fields (``fleet.gpus``) to values; texts are read as the field's type.
    Raises ``ScenarioError`` on an unreadable file, an unknown field or a value out of range.
    """
    table: dict[str, Any] = {}
    where = "scenario"
    if path is not None:
        where = str(path)
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"{path}: cannot be read as text ({error})") from error
        except tomllib.TOMLDecodeError as error:
            raise ScenarioError(f"{path}: not valid TOML: {error}") from error
    _refuse_unknown(table, Scenario, where)
    scenario = _convert(table, Scenario, where)
    resolved: dict[str, Any] = msgspec.to_builtins(scenario)
    for dotted, value in changes.items():
        _set(resolved, dotted, value)
    _refuse_unknown(resolved, Scenario, where)
    return _convert(resolved, Scenario, where)


def with_policy(scenario: Scenario, policy: str) -> Scenario:
    """Return the scenario under another policy."""
    return msgspec.structs.replace(scenario, policy=policy)


def with_seed(scenario: Scenario, seed: int, *, gpus: int) -> Scenario:
    """Return the scenario under another seed, on a fleet of known size."""
    run = msgspec.structs.replace(scenario.run, seed=seed)
    fleet = msgspec.structs.replace(scenario.fleet, gpus=gpus)
    return msgspec.structs.replace(scenario, run=run, fleet=fleet)


def _convert(table: dict[str, Any], kind: type[Scenario], where: str) -> Scenario:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{where}: {error}") from error


def _refuse_unknown(table: dict[str, Any], kind: type[msgspec.Struct], where: str) -> None:
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in known:
            raise ScenarioError(f"{where}: {unknown('key', key, known)}")
        section = known[key]
        if get_origin(section) is Literal and isinstance(value, str):
            words = get_args(section)
            if value not in words:
                raise ScenarioError(f"{where}: {unknown(key, value, words)}")
        if not (isinstance(value, dict) and isinstance(section, type)):
            continue
        if issubclass(section, msgspec.Struct):
            _refuse_unknown(value, section, f"{where}: [{key}]")


def _set(table: dict[str, Any], dotted: str, value: Any) -> None:
    """Change one field; a text takes the type of the value it replaces."""
    *path, last = dotted.split(".")
    node = table
    for name in path:
        if not isinstance(node.get(name), dict):
            raise ScenarioError(f"--set {dotted}: {unknown('section', name, _sections(node))}")
        node = node[name]
    free = bool(path) and path[-1] == "gib_hour_usd"
    if last not in node and not free:
        raise ScenarioError(f"--set {dotted}: {unknown('key', last, node)}")
    if isinstance(node.get(last), dict):
        raise ScenarioError(
            f"--set {dotted}: a section; name one of its keys: {', '.join(node[last])}"
        )
    node[last] = _typed(dotted, value, node.get(last, 0.0)) if isinstance(value, str) else value


def _sections(node: dict[str, Any]) -> list[str]:
    return [name for name, value in node.items() if isinstance(value, dict)]


def _typed(dotted: str, text: str, before: Any) -> Any:
    if isinstance(before, str) and dotted != "fleet.gpus":
        return text
    if isinstance(before, list | tuple):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise ScenarioError(f"--set {dotted}: {text!r} is not a TOML value: {error}") from error
    if dotted == "fleet.gpus" and text == "auto":
        return text
    try:
        return float(text) if isinstance(before, float) else int(text)
    except ValueError:
        need = "a number" if isinstance(before, float) else "a whole number"
        raise ScenarioError(f"{dotted}: {text!r} is not {need}") from None
