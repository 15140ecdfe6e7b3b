import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from chorus_policies.costs.flops import TRANSFORMERS, Transformer
from chorus_policies.costs.profile import read_profile
from chorus_runtime.cli.main import main
from chorus_runtime.profile.random_shapes import random_shapes
from chorus_runtime.shapes import ModelConfig, build_model, save_shapes
from chorus_sim.cli.main import main as simulate

RED, BLUE = "a red circle moving left", "a blue circle moving left"


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def call(capfd, monkeypatch, tmp_path):
    """Call a command line in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "kept"))

    def run(*words, program=main):
        monkeypatch.setattr(sys, "argv", ["program", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            program()
        captured = capfd.readouterr()
        return Answer(int(stop.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small shapes model with random weights, released as a trained one would be."""
    folder = tmp_path_factory.mktemp("weights")
    model = build_model(ModelConfig(width=32, layers=1, heads=2, text_layers=1))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters().values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    save_shapes(model, "50step", folder, {})
    return folder


@pytest.fixture
def make(call, weights):
    def run(prompt, *words, out="clip.mp4"):
        fixed = ("--weights", weights, "--steps", 10, "--embedder", "hashed-words", "--out", out)
        return call("generate", "--prompt", prompt, *fixed, *words)

    return run


def refused(answer, *needed):
    assert answer.code == 2
    assert answer.out == ""
    (line,) = answer.err.strip().splitlines()
    assert line.startswith("chorus-runtime: ")
    for part in needed:
        assert part in line, line


def test_a_second_call_reuses_what_the_first_one_left(make, tmp_path):
    first = make(RED, "--store", "store", "--seed", 3, "--explain")
    assert first.code == 0, first.err
    assert "fresh: all 10 steps computed" in first.out
    assert b"ftyp" in (tmp_path / "clip.mp4").read_bytes()[:16]
    second = make(BLUE, "--store", "store", "--seed", 4, "--explain", out="second.mp4")
    assert "regional: steps 0 to 2 reused" in second.out
    assert f"0 '{RED}', similarity 0.8" in second.out
    assert "stored    disk" in second.out
    copy = make(RED, "--store", "store", "--seed", 3, "--explain", out="sheet.png")
    assert "copy: the stored result" in copy.out
    assert "(copy, " in copy.err


def test_the_store_in_the_users_cache_folder_is_the_default(make, tmp_path):
    assert "(fresh, " in make(RED).err
    assert "(regional, " in make(BLUE).err
    assert len(list((tmp_path / "kept" / "latents").iterdir())) == 1
    assert "(fresh, " in make(BLUE, "--store", "none").err


def test_prompts_that_say_nothing_or_too_much_are_refused(make):
    refused(make(""), "the prompt is empty")
    refused(make("  \n "), "the prompt is empty")
    refused(make("x" * 1_000_000), "1000000 characters")
    refused(make("a\udc80"), "Unicode")


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("--width", 64), ("width is 64", "32x32 with 8 frames")),
        (("--frames", 9), ("frames is 9",)),
        (("--policy", "adaptiv"), ("unknown policy 'adaptiv'", "did you mean 'adaptive'")),
        (("--policy", "nowhere.toml"), ("nowhere.toml",)),
        (("--model", "shape"), ("unknown model 'shape'", "shapes-4step")),
        (("--capacity", "much"), ("capacity of disk", "'much'")),
        (("--seed", -1), ("seed is -1",)),
        (("--seed", "one"), ("--seed",)),
        (("--device", "tpu"), ("'tpu'",)),
        (("--device", "cuda:77"), ("not there",)),
        (("--guidance", 1, "--negative-prompt", "dark"), ("no effect",)),
        (("--out", "clip.avi"), ("clip.avi", ".mp4")),
        (("--out", "no/such/folder/clip.mp4"), ("no folder",)),
        (("--out", "/proc/clip.mp4"), ("/proc/clip.mp4",)),
        (("--store", "/proc/store"), ("/proc/store", "cannot hold a store")),
        (("--weights", "nowhere"), ("nowhere", "no weights")),
    ],
)
def test_bad_input_is_one_line_and_code_2(make, tmp_path, words, needed):
    if "--model" in words:
        words = (*words, "--weights", "")
    refused(make(RED, *words), *needed)
    assert not list(tmp_path.glob("*.mp4"))


def test_missing_options_and_commands_are_one_line(call):
    refused(call("generate"), "--prompt")
    refused(call("generat"), "generat")
    assert "Usage" in call("--help").out
    assert call().code == 0


def test_a_saved_pipeline_is_a_model(call, wan_pipe, tmp_path):
    wan_pipe.save_pretrained(tmp_path / "pipe")
    sizes = ("--width", 32, "--height", 32, "--frames", 5, "--steps", 5, "--guidance", 3)
    answer = call(
        "generate",
        *("--prompt", RED, "--model", tmp_path / "pipe", "--out", "clip.mp4"),
        *("--embedder", "hashed-words", "--store", "none", *sizes),
    )
    assert answer.code == 0, answer.err
    assert (tmp_path / "clip.mp4").stat().st_size > 0


SHORT = ("--repeats", 3, "--embedder", "hashed-words", "--allow-noisy")


def test_a_profile_of_shapes_drives_the_simulator(call, tmp_path):
    answer = call(
        *("profile", "--random-weights", "--steps", 4, *SHORT, "--out", "shapes.json"),
        *("--store", f"file://{tmp_path}/shared"),
    )
    assert answer.code == 0, answer.err
    found = read_profile(tmp_path / "shapes.json")
    assert (found.model, found.source, found.steps, found.guidance) == ("shapes", "measured", 4, 3)
    assert len(found.srd_step) == 6
    assert min(point.mean_s for point in found.srd_step) > 0
    assert set(found.tiers) == {"gpu", "host", "disk", "remote"}
    assert [path for path in (tmp_path / "shared").rglob("*") if path.is_file()] == []
    assert "random weights" in found.note
    assert found.versions["torch"] == torch.__version__
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join(f'{{"arrival_s": {n}, "prompt": "car {n % 3}"}}\n' for n in range(12)))
    vectors = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    np.save(tmp_path / "trace.embeddings.npy", vectors[np.arange(12) % 3])
    run = call(
        *("run", "--trace", "trace.jsonl", "--profile", "shapes.json", "--out", "out"),
        *("--set", "workload.shape=profile", "--set", "cache.tier=remote", "--bounds", "none"),
        program=simulate,
    )
    assert run.code == 0, run.err


def test_a_cut_down_wan_says_so(call, tmp_path, monkeypatch):
    narrow = Transformer(layers=30, width=256, feed_forward=512, text_tokens=16, text_width=64)
    monkeypatch.setitem(TRANSFORMERS, "wan2.1-1.3b", narrow)
    answer = call(
        *("profile", "--model", "wan2.1-1.3b", "--random-weights", "--layers", 1),
        *("--resolution", "32x32x5", "--steps", 4, *SHORT, "--out", "wan.json"),
    )
    assert answer.code == 0, answer.err
    found = read_profile(tmp_path / "wan.json")
    assert "cut down to 1 of 30 layers" in found.note
    assert "assumed as on an H100" in found.note
    assert found.text_encode.source == "assumed"
    assert found.full_step.source == "measured"
    assert (found.guidance, found.width, found.frames) == (1.0, 32, 5)


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("--model", "wan2.1-1.3b"), ("--random-weights",)),
        (("--model", "wan3"), ("unknown model 'wan3'",)),
        (("--layers", 2), ("--layers is for a random Wan",)),
        (("--random-weights", "--weights", "w"), ("--random-weights and --weights: one",)),
        (("--random-weights", "--resolution", "481p"), ("481p", "WxHxFRAMES")),
        (("--random-weights", "--resolution", "64x64x8"), ("height is 64", "32x32")),
        (("--random-weights", "--repeats", 2), ("repeats is 2",)),
        (("--random-weights", "--scratch", "nowhere"), ("nowhere",)),
        (("--random-weights", "--store", "nowhere"), ("an address is needed",)),
        (("--random-weights", "--out", "profile.toml"), (".json",)),
        (("--random-weights", "--out", "no/folder/p.json"), ("no folder",)),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(call, words, needed):
    refused(call("profile", "--embedder", "hashed-words", "--out", "p.json", *words), *needed)


def test_noise_is_refused_unless_it_is_allowed(call, tmp_path, monkeypatch):
    monkeypatch.setattr("chorus_runtime.profile.measure.MOST_CV", 0.0)
    words = ("profile", "--random-weights", "--steps", 4, *SHORT, "--out", "p.json")
    refused(call(*words[:-3], *words[-2:]), "noisy: full_step varies by", "--allow-noisy")
    assert not (tmp_path / "p.json").exists()
    assert call(*words).code == 0
    assert "noisy: full_step varies by" in read_profile(tmp_path / "p.json").note


def test_random_shapes_answer_other_than_zero():
    model = random_shapes("shapes", "cpu")
    assert all(bool(part.any()) for part in model.engine.adapters[0].model.parameters())
