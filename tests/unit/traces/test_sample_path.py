"""Sample traces of the package."""

import pytest

from chorus_traces import sample
from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path


@pytest.fixture
def samples(tmp_path, monkeypatch):
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in ("studio-day.jsonl.zst", "studio-day.embeddings.npy", "README.md"):
        (folder / name).touch()
    monkeypatch.setattr(sample.importlib.resources, "files", lambda package: tmp_path)
    return folder


def test_a_sample_is_found_by_its_stem(samples):
    assert sample_path("studio-day") == samples / "studio-day.jsonl.zst"


def test_an_unknown_sample_suggests_the_nearest(samples):
    with pytest.raises(TraceError, match=r"unknown sample 'studio-dy'.*mean 'studio-day'"):
        sample_path("studio-dy")


def test_embeddings_are_no_sample(samples):
    with pytest.raises(TraceError, match="known: studio-day"):
        sample_path("README")


def test_the_sample_of_the_package_is_read_with_its_embeddings():
    trace = read_trace(sample_path("studio-day"))
    assert len(trace) > 0
    assert trace.embeddings is not None
