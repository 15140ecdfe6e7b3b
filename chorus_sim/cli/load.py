"""The trace a scenario or a command names, with embeddings and at the wanted rate."""

import dataclasses
import tomllib
from pathlib import Path

import click
import msgspec

from chorus_sim.experiment import Progress
from chorus_sim.quantities import parse_preload
from chorus_sim.scenario import Scenario, TraceSection
from chorus_traces.embedding import DEFAULT_MODEL, embed_trace
from chorus_traces.errors import ScenarioError, TraceError, unknown
from chorus_traces.field_map import parse_field_map
from chorus_traces.rate_scale import scale_rate
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.synth import STUDIO_DAY, SynthSpec, generate
from chorus_traces.trace import Trace
from chorus_traces.what_if import change, preload

SAMPLE_PREFIX = "sample:"
SYNTH_PREFIX = "synth:"


def load_trace(scenario: Scenario, progress: Progress) -> Trace:
    """Return the scenario's trace, embedding its prompts if it carries no embeddings.

    ``synth:studio-day`` and ``synth:SPEC.toml`` are generated from the scenario's seed, a preload
    of theirs from the next one. Changes come before more users, a preload after both.
    """
    section = scenario.trace
    if not section.path:
        raise ScenarioError("no trace; name one with --trace FILE, or --trace sample:studio-day")
    seed = scenario.run.seed
    trace = change(_ready(section.path, section, seed, progress), section.what_if, seed)
    trace = scale_rate(trace, section.rate_scale, seed)
    first = parse_preload(scenario.run.preload)
    if isinstance(first, str):
        other = msgspec.structs.replace(section, embeddings="")
        return preload(trace, _ready(first, other, seed + 1, progress))
    return preload(trace, first) if first else trace


def _ready(path: str, section: TraceSection, seed: int, progress: Progress) -> Trace:
    """Return the trace at ``path`` with embeddings."""
    if path.startswith(SYNTH_PREFIX):
        trace = synthesised(path.removeprefix(SYNTH_PREFIX), seed, ())
    else:
        trace = read_named(path, section.map, section.embeddings)
    if trace.embeddings is None:
        trace = embedded(trace, section.embedder, progress)
    return trace


def say_unknown_embedder(trace: Trace) -> None:
    """Say that nobody knows which model made a trace's embeddings, where it is so."""
    if trace.embedder is None:
        click.echo(
            f"caution: nobody says which model made the embeddings of {trace.name}: if it is not "
            "the one the policy's thresholds were chosen for, hits and savings mean nothing",
            err=True,
        )


def trace_stem(scenario: Scenario) -> str:
    """Return a short name of the scenario's trace, fit for a folder."""
    return Path(scenario.trace.path.rpartition(":")[2]).name.split(".")[0]


def read_named(path: str, field_map: str | None, embeddings: str | None) -> Trace:
    """Return the trace in a file, or one that ships with the package (``sample:NAME``)."""
    sample = path.startswith(SAMPLE_PREFIX)
    trace = read_trace(
        sample_path(path.removeprefix(SAMPLE_PREFIX)) if sample else Path(path),
        field_map=parse_field_map(field_map) if field_map else None,
        embeddings=Path(embeddings) if embeddings else None,
    )
    return dataclasses.replace(trace, name=path)


def synthesised(spec: str, seed: int, changes: tuple[str, ...]) -> Trace:
    """Return a generated trace: ``studio-day`` or a TOML file of knobs, then single knobs."""
    table = msgspec.to_builtins(STUDIO_DAY) if spec == STUDIO_DAY.name else _knobs(Path(spec))
    for stated in changes:
        key, equals, value = stated.partition("=")
        if not equals:
            raise ScenarioError(f"--set {stated}: write --set KEY=VALUE")
        table[key.strip()] = _value(stated, value.strip())
    known = SynthSpec.__struct_fields__
    for key in table:
        if key not in known:
            raise TraceError(f"{spec}: {unknown('knob', key, known)}")
    try:
        return generate(msgspec.convert(table, SynthSpec), seed)
    except msgspec.ValidationError as error:
        raise TraceError(f"{spec}: {error}") from error


def _knobs(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(
            f"{path}: cannot be read ({error}); name 'studio-day' or a TOML file of knobs"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise TraceError(f"{path}: not valid TOML: {error}") from error


def _value(change: str, text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if any(sign in text for sign in "[]{}\"'\n"):
            raise ScenarioError(f"--set {change}: {text!r} is not a TOML value") from None
        return text


def embedded(trace: Trace, model: str | None, progress: Progress) -> Trace:
    """Return the trace with embeddings by ``model``."""
    return embed_trace(
        trace,
        model=model or DEFAULT_MODEL,
        progress=lambda done, total: progress("embedding prompts", done, total),
    )
