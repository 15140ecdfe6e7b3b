"""The four parts a policy file names: how a section is checked, and how its part is made."""

import random
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec.inspect import is_struct_type

from chorus_policies.catalogue import ADMISSIONS, EVICTIONS, REUSES, SIZINGS
from chorus_policies.own_part import WHOLE, OwnPart, find_own, is_own, make_own
from chorus_policies.parts import Setting
from chorus_traces.errors import PolicyError, unknown

#: What each section can name, and what it is where it is left out.
PARTS = {
    "reuse": (REUSES, "bands"),
    "admission": (ADMISSIONS, "always"),
    "eviction": (EVICTIONS, "lru"),
    "sizing": (SIZINGS, "fixed"),
}


def resolve_section(
    where: str, section: str, table: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Return the section with its kind and every default written out, after checking it.

    An own part's path starts at ``folder``; its section also says the hash of its source. Raises
    ``PolicyError`` on an unknown kind or key and on numbers the part refuses.
    """
    catalogue, default = PARTS[section]
    rest = dict(table)
    kind = rest.pop("kind", default)
    head: dict[str, Any]
    if is_own(kind):
        own = _unchanged(where, rest, find_own(kind, folder))
        if own.section not in (section, WHOLE):
            raise PolicyError(f"{where}: [{section}]: {own.kind} is a part for [{own.section}]")
        head = {"kind": own.kind, "source_sha256": own.source_sha256}
        return head | _written_out(where, section, rest, own.config)
    if not isinstance(kind, str) or kind not in catalogue:
        raise PolicyError(f"{where}: [{section}]: {unknown('kind', str(kind), catalogue)}")
    head = {"kind": kind}
    return head | _written_out(where, section, rest, catalogue[kind].config)


def convert_section(where: str, section: str, table: dict[str, Any], config: type[Any]) -> Any:
    """Return ``table`` as a ``config``; raise ``PolicyError`` if it does not fit."""
    _check_keys(f"{where}: [{section}]", table, config)
    try:
        return msgspec.convert(table, config)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{where}: [{section}]: {error}") from error


def _check_keys(where: str, table: dict[str, Any], config: type[Any]) -> None:
    """Raise ``PolicyError`` for a key that neither ``config`` nor a table listed in it has."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(config)}
    for key, value in table.items():
        if key not in fields:
            raise PolicyError(f"{where}: {unknown('key', key, fields)}")
        inner = next((one for one in get_args(fields[key].type) if is_struct_type(one)), None)
        if inner is None or not isinstance(value, list | tuple):
            continue
        for number, row in enumerate(value, start=1):
            if isinstance(row, dict):
                _check_keys(f"{where}: {key} {number}", row, inner)


def _written_out(
    where: str, section: str, table: dict[str, Any], config: type[Any]
) -> dict[str, Any]:
    numbers: dict[str, Any] = msgspec.to_builtins(convert_section(where, section, table, config))
    return numbers


def make_part(policy: str, section: str, table: dict[str, Any], setting: Setting, seed: int) -> Any:
    """Return a new part from a resolved section."""
    rest = dict(table)
    kind = rest.pop("kind")
    if is_own(kind):
        own = _unchanged(policy, rest, find_own(kind, Path()))
        return make_own(own, section, msgspec.convert(rest, own.config), setting, seed)
    part = PARTS[section][0][kind]
    return part.make(msgspec.convert(rest, part.config), setting)


def setting_of(section: str, capacity_bytes: int, seed: int, *, trims: bool) -> Setting:
    """Return what a part is told; equal seeds give equal chance, each section its own."""
    chance = random.Random(f"{seed}/{section}")  # noqa: S311 - reproducible, not secret
    return Setting(capacity_bytes=capacity_bytes, chance=chance, trims=trims)


def _unchanged(where: str, table: dict[str, Any], own: OwnPart) -> OwnPart:
    """Take the source's hash out of ``table``; raise ``PolicyError`` if it is another now."""
    expected = table.pop("source_sha256", own.source_sha256)
    if expected != own.source_sha256:
        raise PolicyError(
            f"{where}: {own.kind} has SHA-256 {own.source_sha256[:12]}..., the policy names "
            f"{str(expected)[:12]}...; the file was changed (take source_sha256 out to accept it)"
        )
    return own
