"""Any trace survives writing and reading, in every format."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from chorus_traces.read import read_trace
from chorus_traces.request import MOST_SECONDS, MOST_STEPS, REQUEST_FIELDS, Request
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

ENDINGS = (".jsonl", ".csv", ".parquet", ".jsonl.gz", ".jsonl.zst", ".csv.gz", ".csv.zst")

AWKWARD = st.text(alphabet='a ",;\r\n\t\x00{}[]\\\u2028', max_size=12)
WORDS = st.text(max_size=12) | AWKWARD
SEEDS = st.integers(-(2**63), 2**64 - 1) | st.sampled_from([-1, 2**63, 2**64 - 1])
PROMPTS = st.text(min_size=1, max_size=40) | AWKWARD
COUNTS = st.integers(1, 2**62)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.text(max_size=8) | st.sampled_from(["extra", "timestamp", "lora", "column_1"])
EXTRAS = st.dictionaries(
    NAMES.filter(lambda name: name not in (*REQUEST_FIELDS, "embedding")), JSON, max_size=3
)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True))
    instants = st.floats(0, MOST_SECONDS)
    arrivals = sorted(draw(st.lists(instants, min_size=len(names), max_size=len(names))))
    requests = [
        Request(
            id=name,
            arrival_s=arrival,
            prompt=draw(PROMPTS.filter(lambda text: text and not text.isspace())),
            negative_prompt=draw(maybe(WORDS)),
            seed=draw(maybe(SEEDS)),
            model=draw(maybe(WORDS)),
            height=draw(maybe(COUNTS)),
            width=draw(maybe(COUNTS)),
            frames=draw(maybe(COUNTS)),
            steps=draw(maybe(st.integers(1, MOST_STEPS))),
            guidance=draw(maybe(st.floats(0, 1e6))),
            tenant=draw(maybe(WORDS)),
            user=draw(maybe(WORDS)),
            conditioning=draw(maybe(WORDS)),
            extra=draw(EXTRAS),
        )
        for name, arrival in zip(names, arrivals, strict=True)
    ]
    return Trace(name="any", requests=tuple(requests))


@pytest.mark.parametrize("ending", ENDINGS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(trace=traces(), width=st.integers(0, 4))
def test_any_trace_survives_writing_and_reading(ending, trace, width):
    if width:
        vectors = np.random.default_rng(width).normal(size=(len(trace), width))
        trace = trace.with_embeddings(vectors, "any")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{ending}"
        write_trace(trace, path)
        read = read_trace(path)
    assert read.requests == trace.requests
    assert read.sha256() == trace.sha256()
    assert read.embedder == trace.embedder
    if width:
        np.testing.assert_allclose(read.embeddings, trace.embeddings, atol=2e-3)


@pytest.mark.parametrize(
    "interesting",
    [
        lambda request: request.negative_prompt == "",
        lambda request: (request.seed or 0) >= 2**63,
        lambda request: "extra" in request.extra,
        lambda request: any(isinstance(value, dict) for value in request.extra.values()),
        lambda request: "\n" in request.prompt,
        lambda request: request.arrival_s % 1 != 0,
    ],
)
def test_the_traces_hold_what_formats_stumble_over(interesting):
    relaxed = settings(max_examples=2000, database=None, phases=[Phase.generate])
    assert find(traces(), lambda trace: any(map(interesting, trace.requests)), settings=relaxed)
