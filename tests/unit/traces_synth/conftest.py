"""Traces that several tests look at: made once, read only."""

from pathlib import Path

import pytest

from chorus_traces.describe import Description, describe
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.synth import SynthSpec, generate
from chorus_traces.trace import Trace


@pytest.fixture(scope="session")
def month() -> Trace:
    """As long and as busy as the trace that the laws of time and users were measured on."""
    return generate(SynthSpec(requests=26_823, requests_per_hour=48.5), seed=1)


@pytest.fixture(scope="session")
def month_laws(month: Trace) -> Description:
    return describe(month)


@pytest.fixture(scope="session")
def sample() -> Trace:
    return read_trace(sample_path("studio-day"))


@pytest.fixture(scope="session")
def sample_laws(sample: Trace) -> Description:
    return describe(sample)


@pytest.fixture
def real5k() -> Path:
    """5,000 real requests; beside them their embeddings ``real5k.minilm.f16.npy``."""
    path = Path(__file__).parents[4] / "shared" / "data" / "real5k.jsonl"
    if not path.exists():
        pytest.skip(f"the real trace is not at {path}")
    return path
