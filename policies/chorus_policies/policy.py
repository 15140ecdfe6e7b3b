"""A policy: one TOML file that names its parts and their numbers.

The simulator and the runtime load the same file through ``load_policy`` and get the same parts. A
part can also be a class in a Python file of one's own (``own_part.py``).
"""

import hashlib
import importlib.resources
import tomllib
from pathlib import Path
from typing import Any, Protocol

import msgspec

from chorus_policies.entry import EntryForm
from chorus_policies.own_part import WHOLE, find_own, is_own, make_whole
from chorus_policies.parts import Admission, Eviction, Reuse, Sizing
from chorus_policies.sections import (
    PARTS,
    convert_section,
    make_part,
    resolve_section,
    setting_of,
)
from chorus_traces.errors import PolicyError, unknown

_SECTIONS = (
    "base",
    "name",
    "summary",
    "paper",
    "reuse",
    "admission",
    "eviction",
    "sizing",
    "entry",
)


class PartsMaker(Protocol):
    """What ``Cache`` needs of a policy: a ``Policy``, or a bound that knows the future."""

    @property
    def name(self) -> str:
        """The name errors speak of."""

    @property
    def form(self) -> EntryForm:
        """Which latents an entry keeps."""

    def reuse(self, seed: int) -> Reuse:
        """Return a new reuse part."""

    def admission(self, capacity_bytes: int, seed: int) -> Admission:
        """Return a new admission part for a tier."""

    def eviction(self, capacity_bytes: int, seed: int) -> Eviction:
        """Return a new eviction part for a tier."""

    def sizing(self, capacity_bytes: int, seed: int) -> Sizing:
        """Return a new sizing part for a tier."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A checked policy file; ``parts`` are made from it once for each tier of each run.

    ``tables`` are the resolved numbers of each part, every default written out.
    """

    name: str
    summary: str
    paper: str
    tables: dict[str, dict[str, Any]]
    form: EntryForm

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits over parts and numbers; equal for policies that decide alike.

        An own part counts by the hash of its source, not by where its file lies.
        """
        tables = {
            section: table | {"kind": Path(table["kind"]).name}
            for section, table in self.tables.items()
        }
        content = msgspec.json.encode(tables, order="deterministic")
        return hashlib.sha256(content).hexdigest()[:12]

    def reuse(self, seed: int) -> Reuse:
        """Return a new reuse part."""
        made: Reuse = self._make("reuse", 0, seed)
        return made

    def admission(self, capacity_bytes: int, seed: int) -> Admission:
        """Return a new admission part for a tier."""
        made: Admission = self._make("admission", capacity_bytes, seed)
        return made

    def eviction(self, capacity_bytes: int, seed: int) -> Eviction:
        """Return a new eviction part for a tier."""
        made: Eviction = self._make("eviction", capacity_bytes, seed)
        return made

    def sizing(self, capacity_bytes: int, seed: int) -> Sizing:
        """Return a new sizing part for a tier."""
        made: Sizing = self._make("sizing", capacity_bytes, seed)
        return made

    def _make(self, section: str, capacity_bytes: int, seed: int) -> Any:
        setting = setting_of(section, capacity_bytes, seed, trims=self.form.shrinks)
        return make_part(self.name, section, self.tables[section], setting, seed)

    def to_table(self) -> dict[str, Any]:
        """Return the policy as the table its TOML file would hold, defaults written out."""
        head = {"name": self.name, "summary": self.summary, "paper": self.paper}
        tables: dict[str, Any] = _without_none(self.tables)
        return head | tables


def _without_none(value: Any) -> Any:
    """Return ``value`` without keys that hold None: TOML cannot say it, absence means the same."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


def preset_names() -> list[str]:
    """Return the names of the policies that ship with the package, sorted."""
    folder = importlib.resources.files("chorus_policies") / "presets"
    return sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )


def load_policy(name_or_path: str) -> Policy:
    """Load a preset by name, a TOML file by path (with a slash or ending in .toml), or own code.

    ``./mine.py:Mine`` is a whole policy, or one part with the rest of the preset ``lru``.

    Raises ``PolicyError`` on an unknown name, unreadable TOML, an unknown key or part, and numbers
    a part refuses.
    """
    if is_own(name_or_path):
        return _own_policy(name_or_path)
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(
                f"{path}: cannot be read as text ({error}); a TOML file is needed"
            ) from error
        return parse_policy(text, where=str(path), name=path.stem, folder=path.parent)
    known = preset_names()
    if name_or_path not in known:
        raise PolicyError(unknown("policy", name_or_path, known))
    source = importlib.resources.files("chorus_policies") / "presets" / f"{name_or_path}.toml"
    return parse_policy(source.read_text(encoding="utf-8"), where=name_or_path, name=name_or_path)


def parse_policy(text: str, *, where: str, name: str, folder: Path | None = None) -> Policy:
    """Return the policy in TOML ``text``; ``where`` opens every error message.

    The paths of own parts start at ``folder``, or where the process runs.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{where}: not valid TOML: {error}") from error
    return _policy_of(table, where, name, folder or Path())


def _policy_of(table: dict[str, Any], where: str, name: str, folder: Path) -> Policy:
    for key in table:
        if key not in _SECTIONS:
            raise PolicyError(f"{where}: {unknown('key', key, _SECTIONS)}")
    for key in ("reuse", "admission", "eviction", "sizing", "entry"):
        if not isinstance(table.get(key, {}), dict):
            raise PolicyError(f"{where}: [{key}] is not a table; write [{key}] and kind = ...")
    if "base" in table:
        base = _text(where, "base", table.pop("base"))
        try:
            table = _overlay(load_policy(base), table)
        except RecursionError:
            raise PolicyError(f"{where}: base {base!r} leads back to itself") from None
        except PolicyError as error:
            raise PolicyError(f"{where}: base: {error}") from error
    if "reuse" not in table:
        raise PolicyError(f"{where}: section [reuse] is missing; write it, or base = a preset")
    tables = {
        section: resolve_section(where, section, table.get(section, {}), folder)
        for section in PARTS
    }
    form = convert_section(where, "entry", table.get("entry", {}), EntryForm)
    tables["entry"] = msgspec.to_builtins(form)
    head = {key: table.get(key, "") for key in ("summary", "paper")} | {
        "name": table.get("name", name)
    }
    for key, value in head.items():
        _text(where, key, value)
    return Policy(tables=tables, form=form, **head)


def _text(where: str, key: str, value: object) -> str:
    if not isinstance(value, str):
        raise PolicyError(f"{where}: {key} is {value!r}; a text is needed")
    return value


def _overlay(base: Policy, table: dict[str, Any]) -> dict[str, Any]:
    """Return the base's sections with those of ``table`` over them.

    A section of another kind replaces the base's; one of the same kind changes single numbers.
    """
    merged = dict(table)
    for section, numbers in base.tables.items():
        own = table.get(section, {})
        if own.get("kind", numbers.get("kind")) == numbers.get("kind"):
            merged[section] = numbers | own
    return merged


def _own_policy(kind: str) -> Policy:
    """Return the policy of a class: whole, or as one part with the rest of ``lru``."""
    own = find_own(kind, Path())
    summary = (own.made_by.__doc__ or "").strip().partition("\n")[0]
    table: dict[str, Any] = {"summary": summary, "paper": ""}
    if own.section != WHOLE:
        table |= {"base": "lru", own.section: {"kind": own.kind}}
        return _policy_of(table, kind, own.made_by.__name__, Path())
    whole = make_whole(own)
    table |= {section: {"kind": own.kind} for section in PARTS}
    table["entry"] = msgspec.to_builtins(whole.form)
    return _policy_of(table, kind, whole.name, Path())
