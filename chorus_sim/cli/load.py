"""The trace a scenario names, with embeddings and at the wanted rate."""

from pathlib import Path

from chorus_sim.experiment import Progress
from chorus_sim.scenario import Scenario
from chorus_traces.embedding import embed_trace
from chorus_traces.errors import ScenarioError
from chorus_traces.field_map import parse_field_map
from chorus_traces.rate_scale import scale_rate
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.trace import Trace

SAMPLE_PREFIX = "sample:"


def trace_path(text: str) -> Path:
    """Return the file of a path or of ``sample:NAME``."""
    if text.startswith(SAMPLE_PREFIX):
        return sample_path(text.removeprefix(SAMPLE_PREFIX))
    return Path(text)


def load_trace(scenario: Scenario, progress: Progress) -> Trace:
    """Return the scenario's trace, embedding its prompts if it carries no embeddings."""
    section = scenario.trace
    if not section.path:
        raise ScenarioError("no trace; name one with --trace FILE, or --trace sample:studio-day")
    trace = read_trace(
        trace_path(section.path),
        field_map=parse_field_map(section.map) if section.map else None,
        embeddings=Path(section.embeddings) if section.embeddings else None,
        empty_prompts=True,
    )
    if trace.embeddings is None:
        trace = embed_trace(
            trace,
            model=section.embedder,
            progress=lambda done, total: progress("embedding prompts", done, total),
        )
    return scale_rate(trace, section.rate_scale, scenario.run.seed)
