import pytest
import torch

from chorus_runtime.donor import DonorPath, donor_of_steps
from chorus_runtime.grid import from_tokens, over_latent, to_tokens, token_grid
from chorus_runtime.masks import MaskSettings, attention_score, find_region, velocity_score
from chorus_runtime.masks.cells import over_time, pool_cells
from chorus_runtime.masks.edges import dilate, feather
from chorus_runtime.masks.finder import RegionFinder
from chorus_runtime.masks.threshold import above_share, otsu
from chorus_traces.errors import EngineError

GRID = token_grid((1, 4, 2, 16, 24), (1, 2, 2))  # 2 x 8 x 12 tokens


def blob(rows=slice(2, 5), columns=slice(3, 7), background=0.1, seed=0) -> torch.Tensor:
    """A noisy score with one bright rectangle."""
    score = background * torch.rand(2, 8, 12, generator=torch.Generator().manual_seed(seed))
    score[:, rows, columns] += 1
    return score


def truth(rows=slice(2, 5), columns=slice(3, 7)) -> torch.Tensor:
    mask = torch.zeros(2, 8, 12, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


def test_tokens_and_latents_are_each_other_inverse():
    latents = torch.randn(2, 4, 2, 16, 24)
    tokens = to_tokens(latents, GRID)
    assert tokens.shape == (2, 192, 16)
    assert torch.equal(from_tokens(tokens, GRID, channels_last=False), latents)
    # the first token holds the first patch, channel by channel
    assert torch.equal(tokens[0, 0].reshape(4, 2, 2), latents[0, :, 0, :2, :2])


def test_a_token_map_covers_each_tokens_patch():
    marked = torch.zeros(2, 8, 12)
    marked[1, 2, 3] = 1
    cells = over_latent(marked, GRID)
    assert cells.shape == (1, 1, 2, 16, 24)
    assert cells.sum() == 4
    assert cells[0, 0, 1, 4:6, 6:8].all()


def test_otsu_finds_the_object():
    score = blob()
    assert torch.equal(score > otsu(score), truth())


@pytest.mark.parametrize("threshold", ["share", "otsu"])
def test_a_score_of_zero_marks_nothing_and_a_high_one_everywhere_all(threshold):
    settings = MaskSettings(threshold=threshold)
    assert find_region(torch.zeros(2, 8, 12), 0.5, settings).share == 0
    assert find_region(torch.full((2, 8, 12), 0.3), 0.5, settings).share == 1


@pytest.mark.parametrize("threshold", ["share", "otsu"])
def test_a_segmenters_yes_is_never_lost_because_it_is_larger_than_the_share(threshold):
    yes = truth().float()
    settings = MaskSettings(threshold=threshold, cells=(1,), dilation=0)
    region = find_region(yes, 0.05, settings)
    assert torch.equal(region.mask, truth())


def test_equal_scores_are_taken_or_left_together():
    flat = torch.full((2, 8, 12), 0.3)
    assert not (flat > otsu(flat)).any()
    assert not above_share(flat, 0.5).any()


def test_a_share_takes_the_highest_scores():
    score = torch.arange(192.0).reshape(2, 8, 12)
    mask = above_share(score, 0.25)
    assert mask.sum() == 48
    assert score[mask].min() > score[~mask].max()


def test_cells_average_and_keep_cut_edges():
    score = torch.arange(15.0).reshape(1, 3, 5)
    pooled = pool_cells(score, 2)
    assert pooled[0, 0, 0] == score[0, :2, :2].mean()
    assert pooled[0, 2, 4] == score[0, 2, 4]
    assert pooled[0, 2, 0] == score[0, 2, :2].mean()


def test_coarse_cells_drop_specks():
    score = blob()
    score[0, 7, 11] = 1.5  # one hot token
    kept = find_region(score, 0.2, MaskSettings(threshold="otsu", cells=(1,), dilation=0))
    dropped = find_region(score, 0.2, MaskSettings(threshold="otsu", cells=(4, 1), dilation=0))
    assert kept.mask[0, 7, 11]
    assert not dropped.mask[0, 7, 11]


def test_one_region_over_time_holds_what_any_frame_needs():
    score = blob()
    score[1] = blob(rows=slice(5, 8), columns=slice(8, 11))[1]
    settings = MaskSettings(threshold="otsu", cells=(1,), dilation=0, over_time=True)
    region = find_region(score, 0.3, settings)
    assert torch.equal(region.mask[0], region.mask[1])
    assert region.mask[0, 3, 4]
    assert region.mask[0, 6, 9]
    assert torch.equal(over_time(score)[0], score.amax(0))


def test_dilation_grows_in_the_plane_and_not_in_time():
    mask = torch.zeros(3, 8, 12, dtype=torch.bool)
    mask[1, 4, 4] = True
    grown = dilate(mask, 2)
    assert grown[1].sum() == 25
    assert not grown[[0, 2]].any()
    assert dilate(mask, 0) is mask


def test_the_seam_rises_inside_the_region_and_ignores_the_border_of_the_picture():
    mask = torch.zeros(1, 8, 12, dtype=torch.bool)
    mask[:, :, :6] = True
    weights = feather(mask, 2)
    assert weights[0, 3].tolist() == pytest.approx([1, 1, 1, 1, 2 / 3, 1 / 3] + [0] * 6)
    assert torch.equal(weights[0, 0], weights[0, 7])
    assert torch.equal(feather(mask, 0), mask.float())


def test_the_grown_region_still_holds_at_most_the_share_planned():
    region = find_region(blob(), 0.25, MaskSettings(threshold="share", dilation=1))
    assert 0.1 < region.share <= 0.25
    assert torch.equal(region.index, region.mask.flatten().nonzero()[:, 0])
    assert (region.mask & truth()).sum() / truth().sum() > 0.8


def test_a_region_does_not_vanish_because_its_margin_is_wide():
    region = find_region(blob(), 0.02, MaskSettings(threshold="share", dilation=2, cells=(1,)))
    assert region.index.numel() > 0
    assert region.share > 0.02


def test_a_score_that_is_not_finite_is_an_error():
    score = blob()
    score[0, 0, 0] = float("nan")
    with pytest.raises(EngineError, match="score is not finite"):
        find_region(score, 0.25, MaskSettings())


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"cells": (3,)}, "1, 2 and 4"),
        ({"cells": ()}, "1, 2 and 4"),
        ({"dilation": -1}, "0 or more tokens"),
        ({"cap": 0.0}, r"share in \(0, 1\]"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, needed):
    with pytest.raises(EngineError, match=needed):
        MaskSettings(**settings)


def test_the_velocity_score_is_the_length_of_the_difference_per_token():
    velocity, donor = torch.zeros(2, 2, 4, 2, 16, 24).unbind(0)
    velocity[1, :, 1, 4:6, 6:8] = 0.5  # sixteen values of one token
    score = velocity_score(velocity, donor, GRID)
    assert score[1, 2, 3] == pytest.approx(2.0)
    assert score.sum() == pytest.approx(2.0)


def test_the_attention_score_weighs_the_groups():
    maps = torch.rand(2, 192, 3)
    score = attention_score(maps, torch.tensor([1.0, 0.0, 2.0]), GRID)
    expected = (maps[..., 0] + 2 * maps[..., 2]).amax(0).reshape(2, 8, 12)
    assert torch.allclose(score, expected)


class Box:
    """A segmenter that knows the answer."""

    def __init__(self, score):
        self.answer = score
        self.scenes = []

    def score(self, scene):
        self.scenes.append(scene)
        return self.answer


def finder(source, **more):
    shape = (1, 4, 2, 16, 24)
    latents = {step: torch.randn(shape) for step in (0, 1)}
    donor = donor_of_steps(latents, (0.8, 0.6))
    path = DonorPath(donor, (0.8, 0.6), shape, torch.device("cpu"), renoise=False)
    fields = {
        "settings": MaskSettings(source=source, threshold="share", dilation=0),
        "share": 0.2,
        "grid": GRID,
        "path": path,
        "donor": donor,
        "emphasis": None,
        "segmenter": None,
    }
    return RegionFinder(**(fields | more)), latents


def test_a_segmenter_sees_the_donor_and_decides():
    box = Box(blob())
    one, latents = finder("segmenter", segmenter=box)
    region = one.find(torch.zeros(1, 4, 2, 16, 24), None, latents[0], (0.8, 0.6))
    assert region.mask[truth()].all()
    assert 0.125 < region.share <= 0.2
    scene = box.scenes[0]
    velocity = (latents[1] - latents[0]) / (0.6 - 0.8)
    assert torch.allclose(scene.clean, latents[0] - 0.8 * velocity)


def test_a_segmenter_of_another_grid_is_an_error():
    one, latents = finder("segmenter", segmenter=Box(torch.rand(2, 4, 4)))
    with pytest.raises(EngineError, match=r"\(2, 8, 12\) \(frames, rows, columns\) is needed"):
        one.find(torch.zeros(1, 4, 2, 16, 24), None, latents[0], (0.8, 0.6))


@pytest.mark.parametrize(
    ("source", "needed"), [("segmenter", "was given none"), ("attention", "a donor with maps")]
)
def test_a_source_without_its_input_is_an_error(source, needed):
    with pytest.raises(EngineError, match=needed):
        finder(source)
