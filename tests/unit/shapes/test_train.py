import json

import msgspec
import pytest
import torch

from chorus_runtime.shapes import DistilConfig, evaluate, read_config, sample, train, trained
from chorus_runtime.shapes.batches import draw_batch, stream
from chorus_runtime.shapes.sample import sigmas
from chorus_traces.errors import EngineError


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "curves.jsonl").read_text().splitlines()]


def same_weights(first, second):
    other = second.parameters()
    return all(torch.equal(value, other[name]) for name, value in first.parameters().items())


def test_the_loss_falls(micro, tmp_path):
    outcome = train(micro, tmp_path, steps=60)
    curve = losses(tmp_path)
    assert (outcome.steps, outcome.samples, outcome.finished) == (60, 480, True)
    assert len(curve) == 3
    assert curve[-1] < 0.9 * curve[0]


def test_a_run_that_resumes_equals_one_that_was_never_interrupted(micro, tmp_path):
    train(micro, tmp_path / "whole", steps=12)
    paused = train(micro, tmp_path / "parts", steps=12, pause_after_steps=5)
    assert (paused.steps, paused.finished) == (5, False)
    train(micro, tmp_path / "parts", steps=12)
    whole, parts = (trained(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert same_weights(whole, parts)


def test_a_killed_run_goes_on_from_its_last_checkpoint(micro, tmp_path):
    every_step = msgspec.structs.replace(micro, checkpoint_s=0.0)
    seconds = iter(range(1000))

    def clock():
        now = next(seconds)
        if now == 20:
            raise KeyboardInterrupt
        return float(now)

    with pytest.raises(KeyboardInterrupt):
        train(every_step, tmp_path / "killed", steps=12, clock=clock)
    (tmp_path / "killed" / "checkpoint.part").write_bytes(b"half a file")
    outcome = train(every_step, tmp_path / "killed", steps=12)
    train(every_step, tmp_path / "whole", steps=12)
    assert outcome.steps == 12
    killed, whole = (trained(tmp_path / name / "checkpoint.pt") for name in ("killed", "whole"))
    assert same_weights(killed, whole)


def test_a_checkpoint_of_another_configuration_is_refused(micro, tmp_path):
    train(micro, tmp_path, steps=1)
    with pytest.raises(EngineError, match="another configuration"):
        train(msgspec.structs.replace(micro, batch=4), tmp_path, steps=1)


def test_a_damaged_checkpoint_is_refused(micro, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(EngineError, match="not a readable checkpoint"):
        train(micro, tmp_path, steps=1)


def test_exactly_one_budget_is_needed(micro, tmp_path):
    for budget in ({}, {"steps": 1, "seconds": 1.0}):
        with pytest.raises(EngineError, match="exactly one budget"):
            train(micro, tmp_path, **budget)


def test_a_student_learns_the_teachers_guided_steps(micro, tmp_path):
    train(micro, tmp_path / "base", steps=20)
    distil = DistilConfig(teacher=str(tmp_path / "base" / "checkpoint.pt"), teacher_steps=2)
    student = msgspec.structs.replace(
        micro, stage="distil", distil=distil, muon_lr=5e-4, adam_lr=2e-4
    )
    train(student, tmp_path / "student", steps=40)
    curve = losses(tmp_path / "student")
    assert curve[-1] < curve[0]


def test_batches_drawn_ahead_equal_those_drawn_in_place(micro):
    batches = stream(msgspec.structs.replace(micro, workers=1), 3, lambda _: 0.5)
    for number in (3, 4):
        ahead, here = next(batches), draw_batch(micro, number, 0.5)
        assert torch.equal(ahead.ids, here.ids)
        assert (ahead.layout.centres == here.layout.centres).all()
    batches.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bacth = 3", r"unknown key 'bacth'.*did you mean 'batch'"),
        ("[model]\nwidht = 3", r"unknown key 'widht'.*did you mean 'width'"),
        ("batch = 'many'", "Expected `int`"),
        ("batch = ", "not TOML"),
        ("stage = 'distil'", "go together"),
        ("[model]\nwidth = 30\nheads = 4", "width 30 must be a multiple"),
    ],
)
def test_a_wrong_configuration_is_refused(text, message, tmp_path):
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(EngineError, match=message):
        read_config(tmp_path / "recipe.toml")


def test_noise_levels_go_from_one_to_zero():
    assert sigmas(4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    shifted = sigmas(4, 3.0)
    assert (shifted[0], shifted[2], shifted[-1]) == (1.0, 0.75, 0.0)


def test_a_clip_does_not_depend_on_its_batch(tiny):
    with torch.no_grad():
        tiny.transformer.proj_out.weight.normal_(std=0.05, generator=torch.Generator())
    prompts = ["a red circle moving left", "a blue square moving up"]
    both = sample(tiny, prompts, [1, 2], steps=3)
    alone = sample(tiny, prompts[1:], [2], steps=3)
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)
    assert not torch.equal(both[0], both[1])


def test_an_untrained_model_is_evaluated_honestly(tiny):
    shares = evaluate(tiny, ["a red circle moving left on a dark background"] * 4, steps=1)
    assert shares["all"].trials == 4
    assert shares["all"].right == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_resumes_on_a_gpu_in_bfloat16(micro, tmp_path):
    config = msgspec.structs.replace(micro, precision="bf16", compile=True, batch=32)
    assert not train(config, tmp_path, "cuda", steps=40, pause_after_steps=20).finished
    assert train(config, tmp_path, "cuda", steps=40).finished
    curve = losses(tmp_path)
    assert curve[-1] < curve[0]
    assert (
        sample(trained(tmp_path / "checkpoint.pt", "cuda"), ["a red circle"], [0], steps=2)
        .isfinite()
        .all()
    )
