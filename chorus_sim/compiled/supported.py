"""What the compiled engine knows. Everything else is carried out by SimPy, and the reason is said.

A positive list: a part, a number of a part or a field of the scenario that is not named here is
refused, so a part that learns something new is never simulated as if it had not.
"""

import importlib.util
from typing import Any

import msgspec

from chorus_policies.policy import PartsMaker, Policy
from chorus_policies.tier import TierSpec
from chorus_sim.scenario import Scenario

#: Kinds and the numbers of each that the compiled parts follow.
_PARTS: dict[str, dict[str, set[str]]] = {
    "reuse": {
        "bands": {"bands", "lexical", "break_even"},
        "linear": {"similarity", "least", "most", "lexical", "break_even"},
    },
    "admission": {"always": set()},
    "eviction": {
        "bundle": {"similarity", "memory"},
        "fifo": set(),
        "lru": set(),
        "superseded": {"similarity"},
        "gdsf": {"cost"},
        "worth": {"similarity", "memory"},
    },
    "sizing": {"fixed": set()},
}

_BAND = {"similarity", "k1", "k2", "active_share", "amplification"}

_ENTRY = {"kind", "trim", "in_flight"}

#: Fields of a scenario that the model, or what is made before it runs, takes into account.
KNOWN_FIELDS: dict[str, set[str]] = {
    "": {
        "policy", "profile", "trace", "workload", "deployment", "fleet", "cache", "slo", "prices",
        "run", "quality", "judged",
    },
    "trace": {"path", "embeddings", "map", "embedder", "rate_scale", "what_if"},
    "workload": {"shape"},
    "deployment": {
        "revision", "lora", "scheduler", "sigma_schedule", "dtype", "quantisation", "vae",
        "tenants",
    },
    "fleet": {"gpus"},
    "cache": {"tier", "capacity", "below"},
    "slo": {"target"},
    "prices": {"gpu_hour_usd", "gib_hour_usd"},
    "run": {"seed", "bounds", "warm_up", "replications", "preload", "engine"},
}  # fmt: skip


def numba_missing() -> str | None:
    """Return why nothing can be compiled, or ``None``."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (pip install 'chorus-cache[fast]')"
    return None


def unsupported_scenario(scenario: Scenario) -> str | None:
    """Return which field the compiled engine does not know, or ``None``.

    An unknown field at its default is a feature that is off.
    """
    if scenario.judged:
        return "judged results"
    sections: dict[str, msgspec.Struct] = {"": scenario}
    sections |= {
        name: value
        for name in scenario.__struct_fields__
        if isinstance(value := getattr(scenario, name), msgspec.Struct)
    }
    for name, section in sections.items():
        known = KNOWN_FIELDS.get(name, set())
        for field in msgspec.structs.fields(type(section)):
            if field.name in known:
                continue
            if name == "" and isinstance(getattr(section, field.name), msgspec.Struct):
                continue
            if getattr(section, field.name) != _default(field):
                return f"{name}.{field.name}".lstrip(".")
    return None


def unsupported_policy(policy: PartsMaker, tiers: tuple[TierSpec, ...]) -> str | None:
    """Return what of a policy or its tiers the compiled engine does not know, or ``None``."""
    if len(tiers) != 1:
        return f"{len(tiers)} tiers"
    if not isinstance(policy, Policy):
        return "a policy that is no policy file"
    for section, kinds in _PARTS.items():
        table = dict(policy.tables[section])
        kind = table.pop("kind")
        if kind not in kinds:
            return f"{section} {kind!r}"
        if set(table) != kinds[kind]:
            return f"{section} {kind!r} with {_first(set(table) ^ kinds[kind])!r}"
    for band in policy.tables["reuse"].get("bands", ()):
        if set(band) != _BAND:
            return f"a band with {_first(set(band) ^ _BAND)!r}"
    return _unsupported_entry(policy.tables["entry"])


def _unsupported_entry(entry: dict[str, Any]) -> str | None:
    if set(entry) != _ENTRY:
        return f"entries with {_first(set(entry) ^ _ENTRY)!r}"
    return None


def _default(field: Any) -> Any:
    """Return the default of a field; nothing equals that of a field without one."""
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def _first(names: set[str]) -> str:
    return min(names)
