"""Embeddings from files of their own."""

import json
from pathlib import Path

import numpy as np
import pytest

from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace
from chorus_traces.sidecar import prompts_sha256


@pytest.fixture
def trace_file(tmp_path) -> Path:
    path = tmp_path / "t.jsonl"
    rows = [{"arrival_s": 0, "prompt": prompt} for prompt in ("a cat", "a dog")]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_named_file_gives_rows_of_length_one(trace_file, tmp_path):
    np.save(tmp_path / "e.npy", np.array([[3, 4], [0, 2]]))
    trace = read_trace(trace_file, embeddings=tmp_path / "e.npy")
    np.testing.assert_allclose(trace.embeddings, [[0.6, 0.8], [0, 1]], rtol=1e-6)
    assert trace.embedder is None


def test_a_file_of_the_same_stem_is_not_loaded_silently(trace_file, tmp_path):
    np.save(tmp_path / "t.npy", np.eye(2))
    assert read_trace(trace_file).embeddings is None


def test_the_file_beside_the_trace_is_loaded(trace_file, tmp_path):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    trace = read_trace(trace_file)
    assert trace.embeddings is not None
    assert trace.embedder is None


def test_the_note_beside_it_names_the_embedder(trace_file, tmp_path):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    (tmp_path / "t.embeddings.json").write_text('{"embedder": "mini", "rows": 2}')
    assert read_trace(trace_file).embedder == "mini"


def test_a_named_file_wins_over_the_one_beside(trace_file, tmp_path):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    np.save(tmp_path / "e.npy", np.eye(2)[::-1])
    trace = read_trace(trace_file, embeddings=tmp_path / "e.npy")
    assert trace.embeddings[0, 1] == 1


def test_the_hash_of_the_prompts_is_accepted(trace_file, tmp_path):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    note = {"prompts_sha256": prompts_sha256(["a cat", "a dog"])}
    (tmp_path / "t.embeddings.json").write_text(json.dumps(note))
    assert read_trace(trace_file).embeddings is not None


def test_embeddings_of_other_prompts_are_refused(trace_file, tmp_path):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    (tmp_path / "t.embeddings.json").write_text('{"prompts_sha256": "0"}')
    with pytest.raises(TraceError, match=r"t\.embeddings\.npy: made for other prompts"):
        read_trace(trace_file)


@pytest.mark.parametrize("note", ["{", '{"embedder": 5}', "[]", b"\xff"])
def test_a_damaged_note_is_refused(trace_file, tmp_path, note):
    np.save(tmp_path / "t.embeddings.npy", np.eye(2))
    written = note if isinstance(note, bytes) else note.encode()
    (tmp_path / "t.embeddings.json").write_bytes(written)
    with pytest.raises(TraceError, match=r"t\.embeddings\.json: cannot be used"):
        read_trace(trace_file)


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (np.eye(3), r"shape \(3, 3\); \(2, width\) is needed"),
        (np.ones(2), r"shape \(2,\)"),
        (np.ones((2, 0)), r"shape \(2, 0\)"),
        (np.ones((2, 1, 1)), r"shape \(2, 1, 1\)"),
        (np.float64(1), r"shape \(\)"),
        (np.array([[1, np.nan], [1, 0]]), "embedding of row 0 is not finite"),
        (np.array([[1, 0], [np.inf, 0]]), "embedding of row 1 is not finite"),
        (np.zeros((2, 2)), "row 0 is not finite or has length 0"),
        (np.array([["a"], ["b"]]), "holds <U1; a plain .npy matrix"),
        (np.ones((2, 2), complex), "holds complex128"),
        (np.ones((2, 2), bool), "holds bool"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(trace_file, tmp_path, matrix, complaint):
    np.save(tmp_path / "e.npy", matrix)
    with pytest.raises(TraceError, match=complaint) as caught:
        read_trace(trace_file, embeddings=tmp_path / "e.npy")
    assert str(caught.value).startswith(str(tmp_path / "e.npy"))


@pytest.mark.parametrize(
    "content", [b"", b"no numpy", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x04\x00{(\n\n"]
)
def test_a_file_that_is_no_npy_is_refused(trace_file, tmp_path, content):
    (tmp_path / "e.npy").write_bytes(content)
    with pytest.raises(TraceError, match=r"not a readable \.npy file"):
        read_trace(trace_file, embeddings=tmp_path / "e.npy")


def test_a_pickled_file_is_refused(trace_file, tmp_path):
    np.save(tmp_path / "e.npy", np.array([[{}], [{}]], dtype=object), allow_pickle=True)
    with pytest.raises(TraceError, match=r"not a readable \.npy file"):
        read_trace(trace_file, embeddings=tmp_path / "e.npy")


def test_an_npy_file_that_is_cut_off_is_refused(trace_file, tmp_path):
    np.save(tmp_path / "e.npy", np.eye(2))
    (tmp_path / "e.npy").write_bytes((tmp_path / "e.npy").read_bytes()[:-8])
    with pytest.raises(TraceError, match=r"not a readable \.npy file"):
        read_trace(trace_file, embeddings=tmp_path / "e.npy")


def test_an_archive_is_refused(trace_file, tmp_path):
    np.savez(tmp_path / "e.npz", x=np.eye(2))
    with pytest.raises(TraceError, match="holds an archive"):
        read_trace(trace_file, embeddings=tmp_path / "e.npz")


def test_a_missing_file_is_told(trace_file, tmp_path):
    with pytest.raises(TraceError, match="no such file"):
        read_trace(trace_file, embeddings=tmp_path / "none.npy")


def test_the_real_embeddings_fit_the_real_trace(real5k):
    beside = real5k.with_name("real5k.minilm.f16.npy")
    trace = read_trace(real5k, embeddings=beside)
    assert trace.embeddings is not None
    assert trace.embeddings.shape == (5000, 384)
