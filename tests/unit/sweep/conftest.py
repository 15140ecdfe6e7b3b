"""A short trace with embeddings beside it, and the command line in an empty folder."""

import dataclasses
from pathlib import Path

import pytest
from command_line import Answer, chorus_sim
from small_curve import write_small_curve

from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.write import write_trace

REQUESTS = 300

#: The compiled engine takes seconds to compile, which most tests do not need.
SIMPY = ("--set", "run.engine=simpy")


@pytest.fixture(scope="session")
def short_trace(tmp_path_factory) -> Path:
    """The first requests of the sample day, which hold copies, reuse and misses."""
    trace = read_trace(sample_path("studio-day"))
    part = dataclasses.replace(
        trace, requests=trace.requests[:REQUESTS], embeddings=trace.embeddings[:REQUESTS]
    )
    path = tmp_path_factory.mktemp("trace") / "short.jsonl"
    write_trace(part, path)
    return path


@pytest.fixture
def sim(capfd, monkeypatch, tmp_path):
    """Call the command line in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))

    def call(*words: object) -> Answer:
        return chorus_sim(capfd, monkeypatch, *words)

    return call


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
