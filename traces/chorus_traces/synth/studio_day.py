"""Studio day: the sample trace that is shipped, one day of a text-to-video service of a studio."""

from pathlib import Path

from chorus_traces.embedding import embed_trace
from chorus_traces.synth.generate import generate
from chorus_traces.synth.spec import SynthSpec
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

#: 5,000 requests from 08:00 to 08:00, four customers, a fifth of sessions in 720p, 50 steps.
STUDIO_DAY = SynthSpec(
    name="studio-day", requests=5_000, requests_per_hour=5_000 / 24, day_variation=0.0
)
STUDIO_DAY_SEED = 2026


def studio_day() -> Trace:
    """Return the requests of the sample, without embeddings; every call gives the same."""
    return generate(STUDIO_DAY, STUDIO_DAY_SEED)


def write_studio_day(folder: Path) -> Path:
    """Embed the sample, write it with its embeddings to ``folder``, and return the trace's path.

    This made ``chorus_traces/samples``; it needs the packages of the extra ``embed`` and a minute.
    """
    path = folder / "studio-day.jsonl.zst"
    write_trace(embed_trace(studio_day()), path)
    return path
