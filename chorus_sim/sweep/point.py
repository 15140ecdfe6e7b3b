"""The points of a sweep: one resolved scenario each, with an id that outlives the process.

The id is a hash of everything the point's numbers depend on: the scenario, the trace and its
embeddings, the profiles, the policy's fingerprint and the version of this package. Equal ids mean
equal numbers, so a finished point is never computed again.
"""

import hashlib
import itertools
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.costs.quality import QualityCurve, load_quality
from chorus_policies.policy import Policy
from chorus_sim.experiment import check_names, workload_fields
from chorus_sim.scenario import Scenario
from chorus_sim.scenario_file import read_scenario
from chorus_sim.sweep.fields import flattened
from chorus_sim.sweep.grid import Axis
from chorus_sim.sweep.metrics import COLUMNS
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace holds, as hashes: of the requests, and of their embeddings."""

    name: str
    requests: int
    sha256: str
    embeddings_sha256: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One point: its place in the grid, its scenario, and its value of each axis."""

    place: int
    scenario: Scenario
    values: tuple[Any, ...]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The policies, profiles and quality curves that the points name, read once for all."""

    policies: dict[str, Policy]
    books: dict[str, ProfileBook]
    curves: dict[str, QualityCurve]


def on_fastest(path: Path | None, stated: dict[str, Any]) -> dict[str, Any]:
    """Return ``stated`` with the fastest engine that fits, unless it or the file names one."""
    read_scenario(path, stated)
    if path is not None:
        section = tomllib.loads(path.read_text(encoding="utf-8")).get("run", {})
        stated = {"run.engine": section.get("engine", "auto")} | stated
    return {"run.engine": "auto"} | stated


def points_of(path: Path | None, stated: dict[str, Any], axes: tuple[Axis, ...]) -> list[Point]:
    """Return the points of the grid over a scenario file and stated fields, the last axis fastest.

    The engine is the fastest that fits, where nothing else is said. Raises ``ScenarioError`` naming
    the value, or the point, that makes no scenario.
    """
    for axis in axes:
        if axis.field in stated:
            raise ScenarioError(f"--grid: {axis.field} is stated outside of it too; state it once")
    base = base_of(path, stated)
    stated = on_fastest(path, stated)
    typed = [[_typed(path, stated, axis.field, text) for text in axis.values] for axis in axes]
    points = []
    for place, values in enumerate(itertools.product(*typed)):
        table = msgspec.to_builtins(base)
        for axis, value in zip(axes, values, strict=True):
            _put(table, axis.field, value)
        try:
            scenario = msgspec.convert(table, Scenario)
        except msgspec.ValidationError as error:
            raise ScenarioError(f"--grid {described(axes, values)}: {error}") from error
        points.append(Point(place=place, scenario=scenario, values=values))
    return points


def base_of(path: Path | None, stated: dict[str, Any]) -> Scenario:
    """Return the scenario the grid varies: as written, but without bounds, which no point runs."""
    base = read_scenario(path, on_fastest(path, stated))
    count = base.run.replications
    if count != 1:
        raise ScenarioError(
            f"run.replications is {count}; a sweep takes each seed as a point: leave it out and "
            f"write --grid 'seed=0..{count - 1}:{count}'"
        )
    return msgspec.structs.replace(base, run=msgspec.structs.replace(base.run, bounds="none"))


def described(axes: tuple[Axis, ...], values: tuple[Any, ...]) -> str:
    """Return a point as people write it: ``cache.capacity=1GiB policy=lru``."""
    pairs = zip(axes, values, strict=True)
    return " ".join(f"{axis.field}={value}" for axis, value in pairs)


def names_of(points: list[Point]) -> Names:
    """Read every policy, profile and curve once. Raises ``PolicyError`` and ``ProfileError``."""
    curves: dict[str, QualityCurve] = {}
    policies: dict[str, Policy] = {}
    books: dict[str, ProfileBook] = {}
    for point in points:
        scenario = point.scenario
        if scenario.policy not in policies or scenario.profile not in books:
            policies[scenario.policy], books[scenario.profile] = check_names(scenario)
        if scenario.quality and scenario.quality not in curves:
            curves[scenario.quality] = load_quality(scenario.quality)
    return Names(policies=policies, books=books, curves=curves)


def trace_fields(scenario: Scenario) -> tuple[object, ...]:
    """Return the fields a trace is made from; the seed only where chance has a part in it."""
    section, preload = scenario.trace, scenario.run.preload
    generated = section.path.startswith("synth:") or preload.startswith("synth:")
    drawn = generated or section.rate_scale != 1 or section.what_if != ""
    return (section, preload, scenario.run.seed if drawn else 0)


def group_fields(scenario: Scenario) -> tuple[object, ...]:
    """Return the fields that points must share to share a trace, a workload and a baseline."""
    return (trace_fields(scenario), workload_fields(scenario), scenario.fleet)


def stamp_of(trace: Trace) -> Stamp:
    """Return the hashes of a trace that carries embeddings."""
    digest = hashlib.sha256()
    if trace.embeddings is not None:
        digest.update(f"{trace.embeddings.dtype}{trace.embeddings.shape}".encode())
        digest.update(np.ascontiguousarray(trace.embeddings).data)
    return Stamp(
        name=trace.name,
        requests=len(trace),
        sha256=trace.sha256(),
        embeddings_sha256=digest.hexdigest(),
    )


def point_id(scenario: Scenario, stamp: Stamp, names: Names, version: str) -> str:
    """Return sixteen hex digits over everything the numbers of a point depend on."""
    content = [
        scenario,
        stamp.sha256,
        stamp.embeddings_sha256,
        names.policies[scenario.policy].fingerprint,
        names.books[scenario.profile].profiles,
        names.curves.get(scenario.quality),
        list(COLUMNS),
        version,
    ]
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:16]


def _typed(path: Path | None, stated: dict[str, Any], field: str, text: str) -> Any:
    """Return a value as the field's type, after checking it in the scenario."""
    try:
        scenario = read_scenario(path, stated | {field: text})
    except ScenarioError as error:
        raise ScenarioError(f"--grid {field}={text}: {error}") from error
    return flattened(msgspec.to_builtins(scenario))[field]


def _put(table: dict[str, Any], field: str, value: Any) -> None:
    *path, last = field.split(".")
    for name in path:
        table = table[name]
    table[last] = value
