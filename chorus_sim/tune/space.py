"""The space of a search: which keys of a policy may change, and to what.

A space is a TOML file: a ``base`` policy, and a table per key with ``choices``, or ``low`` and
``high`` (``log = true`` for equal ratios). ``when`` says for which choices of other keys, named
before it, a key exists. Keys are those of a policy file: ``eviction.kind``, ``reuse.bands.0.k1``.
"""

import importlib.resources
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from chorus_policies.policy import Policy
from chorus_traces.errors import ScenarioError, unknown

Value = str | bool | int | float


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one key may be: a choice, or a number of a range (whole where both ends are)."""

    choices: tuple[Value, ...] = ()
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    when: dict[str, tuple[Value, ...]] = {}

    def __post_init__(self) -> None:
        if self.choices:
            if self.low or self.high or self.log:
                raise ValueError("choices and a range together; one of them is needed")
            if len(set(self.choices)) < max(2, len(self.choices)):
                raise ValueError("choices are too few or repeat; two or more are needed, each once")
        elif not self.low < self.high:
            raise ValueError(f"range {self.low} to {self.high}; low must be below high")
        elif self.log and self.low <= 0:
            raise ValueError(f"range from {self.low} with log; low must be above 0")

    def active(self, chosen: dict[str, Value]) -> bool:
        """Tell whether the key exists beside what is ``chosen``."""
        return all(chosen.get(key) in values for key, values in self.when.items())

    def holds(self, value: object) -> bool:
        """Tell whether the key may be ``value``."""
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


class Space(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy the search starts from, and its parameters in the order they are chosen."""

    base: str
    parameters: dict[str, Parameter]
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ValueError("no parameters; write [parameters.'eviction.kind'] and choices")
        before: dict[str, Parameter] = {}
        for key, parameter in self.parameters.items():
            for other, values in parameter.when.items():
                known = before.get(other)
                if known is None:
                    raise ValueError(f"{key}: when names {other}, which is not defined before it")
                for value in values:
                    if not known.holds(value):
                        raise ValueError(f"{key}: when {other} is {value}, which it never is")
            before[key] = parameter

    def values_of(self, policy: Policy) -> dict[str, Value] | None:
        """Return the parameters of a policy, or ``None`` if it lies outside of the space."""
        chosen: dict[str, Value] = {}
        for key, parameter in self.parameters.items():
            if parameter.active(chosen):
                value = value_at(policy.tables, key)
                if not parameter.holds(value):
                    return None
                chosen[key] = value
        return chosen


def value_at(tables: Any, key: str) -> Any:
    """Return what a dotted key holds, ``None`` where there is nothing; a number is a place."""
    node = tables
    for name in key.split("."):
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list | tuple) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node


def space_names() -> list[str]:
    """Return the names of the spaces that ship with the package, sorted."""
    folder = importlib.resources.files("chorus_sim.tune") / "spaces"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir())


def load_space(name_or_path: str) -> Space:
    """Return a space by name, or from a TOML file by path (with a slash or ending in .toml).

    Raises ``ScenarioError`` on an unknown name, an unreadable file, and keys that do not fit.
    """
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(
                f"{name_or_path}: cannot be read as text ({error}); a TOML file is needed"
            ) from error
    else:
        known = space_names()
        if name_or_path not in known:
            raise ScenarioError(unknown("space", name_or_path, known))
        folder = importlib.resources.files("chorus_sim.tune") / "spaces"
        text = (folder / f"{name_or_path}.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), Space)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name_or_path}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{name_or_path}: {error}") from error
