"""``chorus-runtime quality`` and ``evidence`` from outside."""

import sys

import pytest
import torch

from chorus_runtime.cli.main import main
from chorus_runtime.quality import read_trials
from chorus_runtime.shapes import ModelConfig, build_model, save_shapes


@pytest.fixture
def call(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["chorus-runtime", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def study(call, tmp_path):
    """Call ``quality`` on a small model with random weights."""
    model = build_model(ModelConfig(width=32, layers=1, heads=2, text_layers=1))
    for parameter in model.parameters().values():
        parameter.add_(0.1 * torch.ones(parameter.shape))
    save_shapes(model, "50step", tmp_path / "weights", {})
    fixed = ("--weights", "weights", "--embedder", "hashed-words", "--steps", 6)

    def run(*words):
        return call("quality", *fixed, "--k1", "3,1", "--out", "study", *words)

    return run


def test_a_study_is_paused_by_its_chunk_and_finished_by_the_same_command(study, tmp_path):
    code, _, said = study("--pairs", 1, "--chunk-minutes", 0)
    assert code == 0
    assert "paused: study; the same command goes on" in said
    code, out, said = study("--pairs", 1)
    assert code == 0, said
    assert "reuse" in out
    assert "latest k1 within 10 points" in out
    trials = read_trials(tmp_path / "study" / "trials.jsonl")
    assert {one.k1 for one in trials} == {0, 1, 3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["quality", "--model", "wan2.1-1.3b", "--out", "x"], "the checker of the shapes world"),
        (["quality", "--k1", "1,two", "--out", "x"], "write whole steps with commas"),
        (["quality", "--k1", "50", "--out", "x"], "1 to 49 are needed"),
        (["quality", "--pairs", "0", "--out", "x"], "at least 1 is needed"),
        (["evidence", "--device", "cpu", "--items", "x", "--out", "x"], "unknown item 'x'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(call, words, message):
    code, out, said = call(*words)
    assert code == 2
    assert out == ""
    assert message in said
    assert said.strip().count("\n") == 0
