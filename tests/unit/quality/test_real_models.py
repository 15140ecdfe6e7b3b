"""``chorus-runtime quality`` on a saved pipeline, with pairs of a file and optional measures."""

import json
import sys

import pytest
from unit.quality.test_command_line import call
from unit.quality.tiny_clip import save_clip
from unit.runtime_service.tiny_pipes import wan_pipe

from chorus_runtime.quality import read_trials

__all__ = ["call"]

SIZE = ("--width", 32, "--height", 32, "--frames", 5, "--steps", 4, "--guidance", 3)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"old": "a red circle", "new": "a blue circle"}) + "\n")
    return path


def test_a_saved_pipeline_is_measured_on_listed_pairs(call, pairs, tmp_path):
    pipe = wan_pipe()
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(tmp_path / "pipe")
    save_clip(tmp_path / "clip")
    words = ("--model", "pipe", "--pairs-file", pairs, "--embedder", "hashed-words", *SIZE)
    more = ("--k1", 2, "--clip", "clip", "--out", "study")
    code, out, said = call("quality", *words, *more)
    assert code == 0, said
    first, *lines = out.splitlines()
    assert first.split()[-1] == "clip_score"
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["full", "0"],
        ["reuse", "2"],
        ["reuse+tgaa", "2"],
        ["srd", "2"],
        ["srd+tgaa", "2"],
    ]
    assert "attributes are not judged" in lines[-1]
    trials = read_trials(tmp_path / "study" / "trials.jsonl")
    assert len(trials) == 5
    assert (trials[0].psnr_db, trials[0].flop_share, trials[1].flop_share) == (60, 1, 0.5)
    assert all("clip_score" in one.measures for one in trials)
    header = json.loads((tmp_path / "study" / "study.json").read_text())
    assert (header["size"], header["beside"]) == ([32, 32, 5], ["clip_score clip"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "pipe"], "or give --pairs-file"),
        (["--pairs-file", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["--vbench-dimensions", "scene"], "no effect without --vbench"),
        (["--vbench", sys.executable], "it has no package vbench"),
        (["--clip", "."], "no CLIP model could be loaded"),
        (["--lpips", "vgg19"], "did you mean 'vgg'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(call, words, message):
    code, out, said = call("quality", *words, "--out", "x")
    assert (code, out) == (2, "")
    assert message in said
    assert said.strip().count("\n") == 0
