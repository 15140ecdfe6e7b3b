"""Sample traces that come with the package."""

import importlib.resources
from pathlib import Path

from chorus_traces.errors import TraceError, unknown
from chorus_traces.lines import COMPRESSIONS
from chorus_traces.rows import FORMATS


def sample_path(name: str) -> Path:
    """Return the file of the sample called ``name`` ("studio-day" is ``studio-day.jsonl.zst``).

    Raises ``TraceError`` on an unknown name.
    """
    samples = _samples()
    if name not in samples:
        raise TraceError(unknown("sample", name, samples))
    return samples[name]


def _samples() -> dict[str, Path]:
    # Installed as files, never as a zip: embeddings lie beside a trace and are found by path.
    folder = Path(str(importlib.resources.files("chorus_traces") / "samples"))
    endings = tuple(f + c for f in FORMATS for c in ("", *COMPRESSIONS))
    return {
        path.name.split(".", 1)[0]: path
        for path in sorted(folder.glob("*"))
        if path.name.endswith(endings)
    }
