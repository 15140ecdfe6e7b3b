"""A short trace with embeddings beside it, and the command line in an empty folder."""

from pathlib import Path

import pytest
from command_line import Answer
from small_curve import write_small_curve

from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.slice import slice_requests
from chorus_traces.write import write_trace

REQUESTS = 400

#: The compiled engine takes seconds to compile, which no test here needs.
SIMPY = ("--set", "run.engine=simpy")


@pytest.fixture(scope="session")
def short_trace(tmp_path_factory) -> Path:
    """The first requests of the sample day, which hold copies, reuse and misses."""
    part = slice_requests(read_trace(sample_path("studio-day")), 0, REQUESTS)
    path = tmp_path_factory.mktemp("trace") / "short.jsonl"
    write_trace(part, path)
    return path


@pytest.fixture
def tune(sim, short_trace):
    """Tune on the short trace, unless ``flags`` say otherwise."""

    def call(*flags: object) -> Answer:
        words = ("tune", "--trace", short_trace, "--capacity", "1GiB", "--gpus", 8, *SIMPY)
        return sim(*words, "--out", "mine.toml", *flags)

    return call


@pytest.fixture
def curve(tmp_path):
    """A curve that knows full compute and SRD at the bands of ``lru``, the later k1 the worse."""
    write_small_curve(tmp_path / "curve.json")
    return "./curve.json"
