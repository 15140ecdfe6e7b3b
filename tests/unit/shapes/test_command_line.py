import sys

import pytest

from chorus_runtime.cli.main import main as runtime
from chorus_runtime.shapes import read_config, weights_folder
from chorus_runtime.shapes.__main__ import run
from chorus_runtime.shapes.weights import read_manifest

TINY = """
batch = 4
[model]
width = 32
layers = 1
heads = 2
text_layers = 1
"""


def command(*arguments):
    with pytest.raises(SystemExit) as ended:
        run(list(arguments))
    return ended.value.code


def train_shapes(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["chorus-runtime", "train-shapes", *arguments])
    with pytest.raises(SystemExit) as ended:
        runtime()
    return ended.value.code or 0


@pytest.mark.parametrize("path", sorted((weights_folder().parent / "recipes").glob("*.toml")))
def test_every_shipped_recipe_is_a_configuration(path):
    config = read_config(path)
    assert (config.stage == "distil") == ("4step" in path.stem)


def test_training_pauses_and_goes_on_from_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny.toml").write_text(TINY)
    train = ["--recipe", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "run")]
    assert train_shapes(monkeypatch, *train, "--steps", "4", "--pause-after-s", "0") == 0
    assert "paused" in capsys.readouterr().out
    assert train_shapes(monkeypatch, *train, "--steps", "4") == 0
    assert "16 samples" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "cppu", "--steps", "1"], "unknown recipe 'cppu'"),
        (["--recipe", "cpu"], "exactly one budget"),
    ],
)
def test_training_that_cannot_start_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    assert train_shapes(monkeypatch, *arguments, "--out", str(tmp_path / "x")) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["release", "--run", "{}"], "no checkpoint there"),
        (
            ["try", "a red circle", "--variant", "9step", "--out", "{}.png"],
            "unknown shapes variant",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(arguments, message, tmp_path, capsys):
    assert command(*(argument.format(tmp_path / "x") for argument in arguments)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not read_manifest(weights_folder()), reason="no weights are shipped yet")
def test_a_prompt_becomes_a_picture(tmp_path):
    variant = sorted(read_manifest(weights_folder()))[0]
    out = tmp_path / "clip.png"
    assert command("try", "a red circle moving left", "--variant", variant, "--out", str(out)) == 0
    assert out.is_file()
