"""A short trace with embeddings beside it, and the command line in an empty folder."""

from pathlib import Path

import pytest
from command_line import Answer
from small_curve import write_small_curve

from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.slice import slice_requests
from chorus_traces.write import write_trace

REQUESTS = 300

#: The compiled engine takes seconds to compile, which most tests do not need.
SIMPY = ("--set", "run.engine=simpy")


@pytest.fixture(scope="session")
def short_trace(tmp_path_factory) -> Path:
    """The first requests of the sample day, which hold copies, reuse and misses."""
    part = slice_requests(read_trace(sample_path("studio-day")), 0, REQUESTS)
    path = tmp_path_factory.mktemp("trace") / "short.jsonl"
    write_trace(part, path)
    return path


@pytest.fixture
def sweep(sim, short_trace):
    """Sweep the short trace on SimPy into ``study``, unless ``flags`` say otherwise."""

    def call(grid: str, *flags: object, out: str = "study") -> Answer:
        words = ["sweep", "--trace", short_trace, "--jobs", 1, "--out", out, "--grid", grid]
        return sim(*words, *(() if "engine=" in grid else SIMPY), *flags)

    return call


@pytest.fixture
def curve(tmp_path):
    """A curve that knows full compute and SRD at the bands of ``lru``, the later k1 the worse."""
    write_small_curve(tmp_path / "curve.json")
    return "./curve.json"
