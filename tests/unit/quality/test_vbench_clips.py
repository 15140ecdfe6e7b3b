"""The layout and the call; VBench itself, which cannot be installed beside this, is stood in for.

The stand-in is a package of the same name and the same calls, run by a Python of its own, that
checks the layout as ``build_full_info_json`` of vbench 0.1.5 does for custom input. Where a Python
with the real one is at hand, the one dimension that needs no weights is judged by it.
"""

import importlib.util
import json
import sys

import av
import msgspec
import pytest
import torch
from unit.quality.trials import trial

from chorus_runtime.quality.table import row_of, rows
from chorus_runtime.quality.vbench_clips import (
    ClipFolder,
    VBenchSettings,
    clips_of,
    judge,
    with_scores,
)
from chorus_traces.errors import EngineError

STAND_IN = """
import json, os
class VBench:
    def __init__(self, device, full_info_dir, output_path):
        assert device.type == "cpu" and full_info_dir.endswith("VBench_full_info.json")
        self.output_path = output_path
    def evaluate(self, videos_path, name, prompt_list, dimension_list, local, mode, **more):
        assert mode == "custom_input" and more["imaging_quality_preprocessing_mode"] == "longer"
        found = [os.path.join(videos_path, one) for one in sorted(os.listdir(videos_path))]
        asked = {os.path.join(videos_path, one): text for one, text in prompt_list.items()}
        if set(found) - set(asked):
            raise AssertionError("prompts are not found")
        results = {}
        for dimension in dimension_list:
            if dimension == "human_action":
                raise RuntimeError("no weights for human_action")
            numbers = [{"video_path": one, "video_results": len(asked[one])} for one in found]
            results[dimension] = [0.0, numbers]
        with open(os.path.join(self.output_path, name + "_eval_results.json"), "w") as stream:
            json.dump(results, stream)
"""
INSTALLED = importlib.util.find_spec("vbench") is not None
PROMPTS = {0: "a red circle", 1: "two squares"}


@pytest.fixture
def study(tmp_path):
    """Return a folder with the clips of two pairs, full and reused."""
    kept = ClipFolder(folder=tmp_path / "study", frames_per_s=8, scale=8)
    for pair in PROMPTS:
        for mode, k1 in (("full", 0), ("srd+tgaa", 10)):
            kept.keep(pair, mode, k1, torch.full((8, 8, 8, 3), 0.25 + 0.5 * pair))
    return kept.folder


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "packages" / "vbench").mkdir(parents=True)
    (tmp_path / "packages" / "vbench" / "__init__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))


def test_clips_lie_in_one_folder_by_mode_k1_and_pair(study):
    names = [one.name for one in sorted(clips_of(study).iterdir())]
    assert names == [f"{run}-00000{pair}.mp4" for run in ("full-0", "srd+tgaa-10") for pair in "01"]
    with av.open(str(clips_of(study) / "full-0-000001.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.frames, stream.average_rate) == (8, 8)


def test_vbench_judges_the_clips_and_its_means_are_in_the_table(study, stand_in):
    settings = VBenchSettings(
        python=sys.executable, dimensions=("dynamic_degree", "imaging_quality"), device="cpu"
    )
    settings.check()
    judge(study, PROMPTS, settings)
    scores = json.loads((study / "vbench" / "scores.json").read_text())
    assert scores["srd+tgaa-10-000001.mp4"] == {"dynamic_degree": 11, "imaging_quality": 0.11}
    trials = [
        trial(pair, mode, k1, right=True) for pair in PROMPTS for mode, k1 in (("full", 0),)
    ] + [trial(pair, "srd+tgaa", 10, right=True, measures={"clip_score": 20.0}) for pair in PROMPTS]
    table = rows(with_scores(study, trials))
    assert row_of(table, "full", 0, "edits")["measures"] == {
        "dynamic_degree": 11.5,
        "imaging_quality": 0.115,
    }
    found = row_of(table, "srd+tgaa", 10, "edits")
    assert list(found["measures"]) == ["clip_score", "dynamic_degree", "imaging_quality"]
    assert "measures" not in row_of(rows(trials), "full", 0, "edits")


@pytest.mark.skipif(not INSTALLED, reason="vbench is not installed")
def test_the_real_vbench_finds_no_flicker_in_still_clips_and_some_in_noise(study):
    noise = torch.rand(8, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    ClipFolder(folder=study, frames_per_s=8, scale=8).keep(1, "reuse", 10, noise)
    settings = VBenchSettings(
        python=sys.executable, dimensions=("temporal_flickering",), device="cpu"
    )
    settings.check()
    judge(study, PROMPTS, settings)
    scores = json.loads((study / "vbench" / "scores.json").read_text())
    found = {name: one["temporal_flickering"] for name, one in scores.items()}
    assert len(found) == 5
    assert found.pop("reuse-10-000001.mp4") < 0.95
    assert min(found.values()) > 0.99


def test_vbench_that_fails_is_an_error_with_its_last_line(study, stand_in):
    settings = VBenchSettings(python=sys.executable, dimensions=("human_action",), device="cpu")
    with pytest.raises(EngineError, match="no weights for human_action"):
        judge(study, PROMPTS, settings)
    with pytest.raises(EngineError, match="belongs to no pair of this study"):
        judge(study, {0: "a red circle"}, settings)
    with pytest.raises(EngineError, match="no clips"):
        judge(study / "elsewhere", PROMPTS, settings)


def test_results_that_are_none_are_an_error(study):
    trials = [trial(0, "full", 0, right=True)]
    assert with_scores(study, trials) == trials
    (study / "vbench" / "scores.json").write_bytes(msgspec.json.encode([1]))
    with pytest.raises(EngineError, match="not results of VBench"):
        with_scores(study, trials)


@pytest.mark.skipif(INSTALLED, reason="vbench is installed")
@pytest.mark.parametrize(
    ("python", "message"),
    [(sys.executable, "it has no package vbench"), ("./no-python", "cannot be run")],
)
def test_a_python_without_vbench_is_an_error(python, message):
    with pytest.raises(EngineError, match=message):
        VBenchSettings(python=python).check()


def test_a_dimension_that_asks_for_vbenchs_own_prompts_is_an_error():
    with pytest.raises(EngineError, match="unknown VBench dimension 'scene'"):
        VBenchSettings(python="python", dimensions=("scene",))
