"""Writing a trace, and what lies beside it."""

import json

import numpy as np
import pytest

from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace
from chorus_traces.request import Request
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

ENDINGS = (".jsonl", ".csv", ".parquet", ".jsonl.gz", ".jsonl.zst", ".csv.gz", ".csv.zst")


def request(name: str = "a", **fields: object) -> Request:
    return Request(**{"id": name, "arrival_s": 0.1, "prompt": "a cat", **fields})


def trace(*requests: Request, **fields: object) -> Trace:
    return Trace(name="made", requests=requests or (request(),), **fields)


@pytest.fixture
def embedded() -> Trace:
    vectors = np.random.default_rng(0).normal(size=(2, 8))
    return trace(request("a"), request("b", prompt="a dog")).with_embeddings(vectors, "mini")


RICH = (
    request("a"),
    request("007", arrival_s=1 / 3, negative_prompt="", user="", model="480"),
    request("b", arrival_s=2.0, prompt=' "x",\r\n\r y\x00 \u2028 é ', seed=-1, frames=81),
    request("c", arrival_s=2.0, seed=2**64 - 1, guidance=7.5, height=480, width=832, steps=4),
    request("d", arrival_s=1e9, extra={"n": 5, "t": "5", "none": None, "deep": [{"k": [1.5]}]}),
    request("e", arrival_s=1e9, extra={"extra": '{"prompt": 1}', "timestamp": 17, "": "unnamed"}),
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_reading_gives_equal_requests(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    write_trace(trace(*RICH), path)
    assert read_trace(path).requests == RICH


@pytest.mark.parametrize("ending", ENDINGS)
def test_equal_traces_give_equal_files(tmp_path, ending):
    for name in ("one", "two"):
        write_trace(trace(*RICH), tmp_path / f"{name}{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_json_lines_hold_unknown_fields_as_they_are(tmp_path):
    path = tmp_path / "t.jsonl"
    write_trace(trace(request(extra={"lora": "style"})), path)
    assert json.loads(path.read_text()) == {
        "id": "a",
        "arrival_s": 0.1,
        "prompt": "a cat",
        "lora": "style",
    }


def test_nothing_but_the_trace_is_left_in_the_folder(tmp_path):
    write_trace(trace(), tmp_path / "t.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "t.csv"
    write_trace(trace(), path)
    before = path.read_bytes()
    with pytest.raises(TraceError, match="a CSV cell holds 131072"):
        write_trace(trace(request(extra={"long": "x" * 140_000})), path)
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"extra": {"seed": 1}}, "extra field 'seed' has the name of a known field"),
        ({"extra": {"embedding": [1]}}, "extra field 'embedding' has the name"),
        ({"extra": {"x": float("nan")}}, "x is nan; a finite number is needed"),
        ({"extra": {"x": [{"y": float("inf")}]}}, "x.y is inf"),
        ({"extra": {"x": object()}}, "x is of type object"),
        ({"prompt": "x" * 100_001}, "prompt has 100001 characters"),
        ({"prompt": "\ud800"}, "half a surrogate pair"),
        ({"seed": 2**64}, "at most 64 bits"),
    ],
)
def test_a_request_no_reader_takes_is_refused(tmp_path, fields, complaint):
    with pytest.raises(TraceError) as caught:
        write_trace(trace(request(**fields)), tmp_path / "t.jsonl")
    assert str(caught.value).startswith("made: request 'a': ")
    assert complaint in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_id_used_twice_is_refused(tmp_path):
    with pytest.raises(TraceError, match="an id is used twice"):
        write_trace(trace(request(), request()), tmp_path / "t.jsonl")


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(TraceError, match="no such folder"):
        write_trace(trace(), tmp_path / "none" / "t.jsonl")


def test_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "t.jsonl").mkdir()
    with pytest.raises(TraceError, match="cannot be written"):
        write_trace(trace(), tmp_path / "t.jsonl")


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(TraceError, match=r"unknown trace format '\.json'"):
        write_trace(trace(), tmp_path / "t.json")


@pytest.mark.parametrize("ending", ENDINGS)
def test_embeddings_survive_beside_the_trace(tmp_path, ending, embedded):
    path = tmp_path / f"t{ending}"
    write_trace(embedded, path)
    read = read_trace(path)
    assert read.embedder == "mini"
    np.testing.assert_allclose(read.embeddings, embedded.embeddings, atol=1e-3)
    assert np.load(tmp_path / "t.embeddings.npy").dtype == np.float16


def test_a_trace_without_embeddings_removes_those_of_an_earlier_one(tmp_path, embedded):
    write_trace(embedded, tmp_path / "t.jsonl")
    write_trace(trace(), tmp_path / "t.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]
