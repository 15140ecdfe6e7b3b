"""A paced model makes the same clips as the model itself; its stages take their time or more."""

import pytest
import torch

from chorus_runtime.models.shapes_model import ShapesVideo
from chorus_runtime.observer import StepDone
from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.server.engine_times import EngineTimes, engine_times
from chorus_runtime.server.paced import PacedClips, PacedVideo
from chorus_runtime.service import Chorus
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes import ModelConfig, Sampling, build_model
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

OLD, NEW = "a red square moving left", "a red circle moving left"

#: Enough for SRD steps between those that refresh.
STEPS = 24

TIMES = EngineTimes(step_s=0.01, text_s=0.03, decode_s=0.04, encode_s=0.05)


@pytest.fixture
def video():
    generator = torch.Generator().manual_seed(0)
    model = build_model(
        ModelConfig(width=32, layers=1, heads=2, text_layers=1), sampling=Sampling(steps=6)
    )
    with torch.no_grad():
        for parameter in model.parameters().values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return ShapesVideo(model, "shapes", EngineSettings(guidance_passes="batched"))


def made(model, seen):
    with Chorus(model, policy="chorus", cache="64MiB", embedder=HashedWords()) as chorus:
        chorus.generate(Request(id="old", arrival_s=0.0, prompt=OLD, seed=1, steps=STEPS))
        new = Request(id="new", arrival_s=1.0, prompt=NEW, seed=2, steps=STEPS)
        return chorus.generate(new, observer=seen.append)


def test_pace_changes_times_and_nothing_else(video):
    shares, times = [], []
    plain = made(video, shares)
    paced = made(PacedVideo(video, TIMES), times)
    assert torch.equal(torch.as_tensor(plain.frames), torch.as_tensor(paced.frames))
    assert plain.provenance.kind == paced.provenance.kind == "regional"
    assert [one.share for one in shares] == [one.share for one in times]
    needed = sum(TIMES.step_s * (0.1 + 0.9 * one.share) for one in times if one.share)
    seconds = paced.provenance.seconds
    assert seconds["denoise"] >= needed
    assert seconds["text_encode"] >= TIMES.text_s
    assert seconds["vae_decode"] >= TIMES.decode_s


def test_a_step_tells_what_share_of_the_tokens_it_computed(video):
    seen: list[StepDone] = []
    result = made(video, seen)
    shares = {kind: [one.share for one in seen if one.kind == kind] for kind in ("full", "region")}
    assert set(shares["full"]) == {1.0}
    assert shares["region"] == pytest.approx(
        [result.provenance.active_share] * len(shares["region"])
    )
    assert shares["region"]
    assert 0 < result.provenance.active_share < 1


def test_writing_a_clip_takes_its_time(video, tmp_path):
    class Clips:
        frames_per_s = 8

        def write(self, path, frames):
            path.write_bytes(frames)

    from chorus_runtime.clock import Clock

    clips, clock = PacedClips(Clips(), TIMES), Clock()
    clips.write(tmp_path / "clip.mp4", b"frames")
    assert clock.now() >= TIMES.encode_s
    assert (tmp_path / "clip.mp4").read_bytes() == b"frames"
    assert clips.frames_per_s == Clips.frames_per_s


@pytest.mark.parametrize("text", ["paced:", "paced:x", "paced:1,2", "paced:-1", "paced:nan"])
def test_times_that_are_none_are_refused(text):
    with pytest.raises(EngineError, match="paced engine"):
        engine_times(text)
