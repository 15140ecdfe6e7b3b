import pytest
import torch
from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
)
from unit.runtime_service.tiny_pipes import policy

import chorus_runtime
from chorus_runtime.prompt_vector import HashedWords
from chorus_traces.errors import EngineError

WAN = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 5, "guidance_scale": 3.0}
LTX = WAN | {"height": 64, "width": 64, "num_frames": 9}
RED, BLUE = "a red circle moving left", "a blue circle moving left"


def attached(pipe, **more):
    return chorus_runtime.attach(
        pipe, policy=policy(), embedder=HashedWords(), text_tokens=16, **more
    )


def stock(pipe, prompt, seed, **sizes):
    generator = torch.Generator().manual_seed(seed)
    return pipe(
        prompt, generator=generator, max_sequence_length=16, output_type="pt", **sizes
    ).frames


@pytest.mark.parametrize(
    "scheduler",
    [
        FlowMatchEulerDiscreteScheduler(shift=3.0),
        UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    ],
)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_fresh_wan_clip_is_the_pipelines_own_bit_for_bit(wan_pipe, scheduler, guidance):
    wan_pipe.scheduler = scheduler
    sizes = WAN | {"guidance_scale": guidance}
    expected = stock(wan_pipe, RED, 3, **sizes)
    with attached(wan_pipe) as chorus:
        assert torch.equal(chorus(RED, seed=3, output_type="pt", **sizes).frames, expected)
    assert torch.equal(stock(wan_pipe, RED, 3, **sizes), expected)


@pytest.mark.parametrize("shifts", [False, True])
def test_a_fresh_ltx_clip_is_the_pipelines_own(ltx_pipe, shifts):
    ltx_pipe.scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=shifts)
    expected = stock(ltx_pipe, RED, 3, **LTX)
    with attached(ltx_pipe) as chorus:
        result = chorus(RED, seed=3, output_type="pt", **LTX)
        assert result.frames.shape == expected.shape
        # The pipeline runs both guidance branches as one batch.
        assert float((result.frames - expected).abs().max()) < 1e-4
        assert chorus(BLUE, seed=4, **LTX).provenance.kind == "regional"


def test_a_pipeline_reuses_what_an_earlier_process_left(wan_pipe, tmp_path):
    with attached(wan_pipe, store=tmp_path / "store", cache="1GiB") as chorus:
        first = chorus(RED, generator=torch.Generator().manual_seed(3), **WAN)
        assert first.provenance.kind == "fresh"
    with attached(wan_pipe, store=tmp_path / "store", cache="1GiB") as chorus:
        assert chorus(BLUE, seed=5, **WAN).provenance.kind == "regional"
        copy = chorus(RED, seed=3, **WAN)
        assert copy.provenance.kind == "copy"
        assert copy.frames.shape == first.frames.shape == (1, 5, 32, 32, 3)
        assert abs(copy.frames - first.frames).max() < 0.05


def test_a_store_may_be_an_address(wan_pipe, tmp_path):
    url = f"file://{tmp_path}/shared"
    with attached(wan_pipe, store=url) as chorus:
        assert [tier.name for tier in chorus.chorus.tiers] == ["remote"]
        chorus(RED, seed=3, **WAN)
    assert (tmp_path / "shared" / "about").is_file()
    with attached(wan_pipe, store=url) as chorus:
        assert chorus(BLUE, seed=5, **WAN).provenance.kind == "regional"
    with pytest.raises(EngineError, match=r"redis://127.0.0.1:1/0: cannot be reached"):
        attached(wan_pipe, store="redis://127.0.0.1:1/0")


def test_other_weights_scheduler_or_adapter_are_another_namespace(wan_pipe):
    with attached(wan_pipe) as chorus:
        before = chorus.chorus.model.deployment()
    wan_pipe.scheduler = FlowMatchEulerDiscreteScheduler(shift=5.0)
    with attached(wan_pipe) as chorus:
        assert chorus.chorus.model.deployment().scheduler != before.scheduler
    wan_pipe.transformer.proj_out.weight.mul_(1.01)
    with attached(wan_pipe) as chorus:
        assert chorus.chorus.model.deployment().revision != before.revision


def test_pil_and_latent_come_out_as_asked(wan_pipe):
    with attached(wan_pipe) as chorus:
        images = chorus(RED, seed=3, output_type="pil", **WAN).frames[0]
        assert [image.size for image in images] == [(32, 32)] * 5
        result = chorus(RED, seed=4, output_type="latent", **WAN)
        assert result.frames is None
        assert result.latents.shape == (1, 16, 2, 4, 4)


def test_a_generator_whose_noise_cannot_be_made_again_is_refused(wan_pipe):
    used = torch.Generator().manual_seed(3)
    torch.randn(1, generator=used)
    with attached(wan_pipe) as chorus:
        with pytest.raises(EngineError, match="has drawn already"):
            chorus(RED, generator=used, **WAN)
        with pytest.raises(EngineError, match="give one of them"):
            chorus(RED, generator=torch.Generator().manual_seed(3), seed=3, **WAN)


def test_other_pipelines_and_schedulers_are_refused(wan_pipe):
    with pytest.raises(EngineError, match="str is not supported; a diffusers WanPipeline or LTX"):
        attached("not a pipeline")
    other = object.__new__(WanImageToVideoPipeline)
    with pytest.raises(EngineError, match="WanImageToVideoPipeline is not supported"):
        attached(other)
    wan_pipe.scheduler = DDIMScheduler()
    with pytest.raises(EngineError, match="DDIMScheduler is not supported; FlowMatchEuler"):
        attached(wan_pipe)


def test_a_pipeline_without_a_text_encoder_is_refused(wan_pipe):
    wan_pipe.text_encoder = None
    with pytest.raises(EngineError, match="has no text_encoder"):
        attached(wan_pipe)


def test_the_package_names_what_it_offers():
    assert callable(chorus_runtime.attach)
    assert all(getattr(chorus_runtime, name) for name in chorus_runtime.__all__)
    with pytest.raises(AttributeError, match="no attribute 'attached_'"):
        chorus_runtime.attached_  # noqa: B018 - reading it is the test


def test_tenants_share_only_where_it_is_said(wan_pipe):
    for tenants, kind in (("separate", "fresh"), ("shared", "regional")):
        with attached(wan_pipe, tenants=tenants) as chorus:
            chorus(RED, seed=3, tenant="one", **WAN)
            assert chorus(BLUE, seed=4, tenant="other", **WAN).provenance.kind == kind
    with pytest.raises(EngineError, match="tenants is 'some'"):
        attached(wan_pipe, tenants="some")
