import json

import pytest
import torch

from chorus_runtime.clock import counted_by
from chorus_runtime.evidence import headline as headline_module
from chorus_runtime.evidence.gather import gather
from chorus_runtime.evidence.headline import Setting, headline
from chorus_runtime.evidence.items import items
from chorus_runtime.evidence.mask_quality import true_region
from chorus_runtime.evidence.sizes import TINY
from chorus_runtime.evidence.srd_times import srd_times
from chorus_runtime.profile.pieces import Paused, Pieces
from chorus_runtime.profile.sample import Sample
from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.quality import draw_pairs
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

CPU = torch.device("cpu")


@pytest.fixture
def a_pass_is_a_second(video, monkeypatch):
    """Let what is measured be the passes of the model, whatever else the machine does."""
    passes = []
    blocks = video.engine.adapters[0].model.blocks
    blocks[0].register_forward_pre_hook(lambda block, inputs: passes.append(1))

    def counted():
        return counted_by(lambda: float(len(passes)))

    monkeypatch.setattr(headline_module, "cpu_time", counted)


@pytest.mark.usefixtures("a_pass_is_a_second")
def test_a_setting_is_served_as_it_says_and_compared_with_full_compute(video):
    settings = (
        Setting(name="resume", k1=3, k2=3),
        Setting(name="regional", k1=1, k2=5, threshold="share", active_share=0.3),
    )
    before = video.engine.settings
    rows = headline(settings, 6, video, HashedWords(), draw_pairs(3, 0))
    assert [row["plans"] for row in rows] == [["fresh"], ["resume"], ["regional"]]
    assert rows[0]["ratio_of_medians"] == 1
    assert [row["full_s"] for row in rows] == [6, 6, 6]
    assert [row["served_s"] for row in rows] == [6, 3, 5]
    assert rows[1]["ratio_of_medians"] == 2
    assert rows[1]["flop_share"] == 0.5
    assert set(rows[1]["stages_of_a_hit_s"]) >= {"load", "lookup", "embed", "denoise", "store"}
    assert rows[2]["acceptable"]["all"]["trials"] == 3
    assert video.engine.settings is before


def test_a_policy_of_one_plan_states_whole_steps():
    for k1, k2 in ((38, 38), (28, 50), (1, 50)):
        table = Setting(name="x", k1=k1, k2=k2).policy(50).reuse(0)
        assert table.span(50) == ((k1, k2) if k2 > k1 else (1, 0))


def test_srd_times_name_what_was_computed(video):
    shape = video.shape_of(Request(id="t", arrival_s=0.0, prompt=""))
    found = srd_times(video, shape, 3, shares=(0.25, 0.75), variants=("stale_kv", "context"))
    ratios = {(row["variant"], round(row["active_share"], 2)): row for row in found["srd"]}
    assert ratios["stale_kv", 0.25]["flop_ratio"] < ratios["context", 0.25]["flop_ratio"]
    assert ratios["stale_kv", 0.75]["flop_ratio"] < 1
    assert found["full_step_s"] > 0


def test_the_true_region_of_an_edit_are_the_figures_that_change():
    shares: dict[str, list[float]] = {}
    for pair in draw_pairs(60, 0):
        if pair.kind != "wording":
            shares.setdefault(pair.kind, []).append(float(true_region(pair).float().mean()))
    mean = {kind: sum(found) / len(found) for kind, found in shares.items()}
    assert mean["background"] > 0.9
    assert 0.05 < mean["colour"] < mean["count"] < 0.6


def test_pieces_are_taken_once_and_survive_a_pause(tmp_path):
    path, calls = tmp_path / "pieces.json", []

    def take():
        calls.append(1)
        return Sample(median_s=float(len(calls)), cv=0.1, samples=3)

    first = Pieces(path)
    assert first.sample("a", take).median_s == 1
    late = Pieces(path, stop=lambda: True)
    assert late.sample("a", take).median_s == 1
    with pytest.raises(Paused):
        late.sample("b", take)
    assert len(calls) == 1
    path.write_text("[]")
    with pytest.raises(EngineError, match="not pieces of a profile"):
        Pieces(path)


def test_items_that_need_cuda_are_skipped_with_the_reason(tmp_path):
    said = []
    wanted = [item.name for item in items() if item.needs_cuda]
    assert len(wanted) > 10
    assert gather(CPU, tmp_path, TINY, only=wanted, tell=said.append) == []
    assert len(said) == len(wanted)
    assert all("skipped, it needs CUDA" in line for line in said)
    assert list(tmp_path.iterdir()) == []


def test_an_item_is_gathered_once_and_what_the_chunk_leaves_is_named(tmp_path):
    names = ["mask-quality", "headline-shapes-4step"]
    assert gather(CPU, tmp_path, TINY, only=names, chunk_s=0.0) == names
    said = []
    assert gather(CPU, tmp_path, TINY, only=names[:1], tell=said.append) == []
    found = json.loads((tmp_path / "mask-quality.json").read_text())
    assert found["item"] == "mask-quality"
    assert found["source"] == "measured"
    assert found["versions"]["torch"]
    assert gather(CPU, tmp_path, TINY, only=names[:1], tell=said.append) == []
    assert said[-1] == "mask-quality: done before"


def test_an_unknown_item_is_an_error(tmp_path):
    with pytest.raises(EngineError, match="did you mean 'mask-quality'"):
        gather(CPU, tmp_path, TINY, only=["mask-qualty"])
