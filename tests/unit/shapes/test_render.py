import numpy as np
import pytest
import torch

from chorus_runtime.shapes import (
    Figure,
    Scene,
    compare,
    confusion,
    confusion_text,
    draw_scene,
    load_codec,
    read_video,
    render,
    tally,
    wilson,
)
from chorus_runtime.shapes.codec import fit_codec
from chorus_runtime.shapes.layout import lay_out
from chorus_runtime.shapes.render import render_layout

CLIPS = 1000


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(21)
    scenes = [draw_scene(rng) for _ in range(CLIPS)]
    return scenes, *render_layout(lay_out(scenes, rng))


def test_the_checker_reads_true_renders(world):
    scenes, frames, _ = world
    pairs = [(scene, read_video(clip)) for scene, clip in zip(scenes, frames, strict=True)]
    for attribute, share in tally(pairs).items():
        assert share.trials > CLIPS / 4
        assert share.share >= 0.995, (attribute, confusion_text(confusion(pairs, attribute)))


@pytest.mark.parametrize("span", [2, 4])
def test_the_checker_reads_clips_after_the_latent_round_trip(world, span):
    scenes, frames, _ = world
    codec = load_codec(span)
    decoded = codec.decode(codec.encode(frames[:300]))
    pairs = [(scene, read_video(clip)) for scene, clip in zip(scenes, decoded, strict=False)]
    assert tally(pairs)["all"].share >= 0.995


@pytest.mark.parametrize(("span", "least"), [(2, 37.0), (4, 31.5)])
def test_the_latent_round_trip_keeps_the_picture(world, span, least):
    frames = world[1]
    codec = load_codec(span)
    latents = codec.encode(frames)
    assert latents.shape == (CLIPS, 16, 8 // span, 16, 16)
    assert 0.8 < float(latents.square().mean()) < 1.2
    psnr = -10 * torch.log10((codec.decode(latents) - frames).square().mean())
    assert psnr > least


def test_encoding_what_was_decoded_gives_the_latents_back(world):
    codec = load_codec(4)
    latents = codec.encode(world[1][:50] * 0.5 + 0.25)
    torch.testing.assert_close(codec.encode(codec.decode(latents)), latents, atol=0.02, rtol=0)


def test_fitting_the_codec_is_deterministic():
    first, second = fit_codec(4, clips=50), fit_codec(4, clips=50)
    assert torch.equal(first.basis, second.basis)
    torch.testing.assert_close(first.basis @ first.basis.T, torch.eye(16), atol=1e-5, rtol=0)


def test_equal_seeds_give_equal_clips_and_other_seeds_other_ones():
    scene = Scene(figures=(Figure(colour="red", shape="square", motion="up"),), background="dark")
    assert torch.equal(render(scene, 7).frames, render(scene, 7).frames)
    assert not torch.equal(render(scene, 7).frames, render(scene, 8).frames)


def test_masks_mark_the_figures_and_figures_never_touch(world):
    scenes, _, coverage = world
    assert float((coverage[:, 0] * coverage[:, 1]).max()) == 0
    for scene, masks in zip(scenes[:100], coverage, strict=False):
        present = (masks > 0.5).flatten(2).any(-1)
        assert present[: len(scene.figures)].all()
        assert not present[len(scene.figures) :].any()
    border = coverage[..., [0, -1], :], coverage[..., [0, -1]]
    assert not any((edge > 0.5).any() for edge in border)


def test_the_mask_of_a_clip_has_the_colour_of_its_figure():
    scene = Scene(figures=(Figure(colour="green", shape="circle"),), background="light")
    clip = render(scene, 0)
    assert clip.masks.shape == (1, 8, 32, 32)
    inside = clip.frames[clip.masks[0]]
    assert float(inside[:, 1].mean()) > float(inside[:, 0].mean()) + 0.4


def test_a_wrong_figure_is_marked_wrong_and_only_there():
    scene = Scene(figures=(Figure(colour="red", shape="circle", motion="up"),), background="dark")
    shown = Scene(figures=(Figure(colour="blue", shape="circle", motion="up"),), background="dark")
    verdict = compare(scene, read_video(render(shown, 3).frames))
    assert [name for name, right in verdict.items() if not right] == ["colour", "all"]


def test_an_empty_clip_shows_no_figure():
    reading = read_video(torch.full((8, 32, 32, 3), 0.1))
    assert reading.count == 0
    scene = Scene(figures=(Figure(colour="red", shape="circle"),), background="dark")
    verdict = compare(scene, reading)
    assert verdict["background"]
    assert not verdict["colour"]
    assert confusion([(scene, reading)], "colour") == {("red", "none"): 1}


def test_noise_is_read_without_failing():
    generator = torch.Generator().manual_seed(0)
    for scale in (0.2, 1.0):
        read_video(torch.rand((8, 32, 32, 3), generator=generator) * scale)


def test_the_interval_of_a_share_is_wilsons():
    share = wilson(81, 263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("grey", "contrast", "read"),
    [(0.1, 0.0, "dark"), (0.88, 0.0, "light"), (0.45, 0.0, "unclear"), (0.45, 0.08, "unclear")],
)
def test_a_washed_out_background_is_none_of_the_worlds(grey, contrast, read):
    scene = Scene(figures=(Figure(colour="red", shape="circle"),), background="striped")
    frames = render(scene, 0).frames
    plain = (frames.amax(-1) - frames.amin(-1)) < 0.05
    rows = (torch.arange(frames.shape[1]) // 2) % 2
    shade = (grey + contrast * (rows - 0.5))[None, :, None, None].expand_as(frames)
    washed = torch.where(plain[..., None], shade, frames)
    assert read_video(washed).background == read
