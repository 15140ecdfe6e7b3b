"""What holds for every score: masks nest, shares are kept, dilation grows, seams stay inside."""

import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st

from chorus_runtime.masks import MaskSettings, find_region
from chorus_runtime.masks.cells import pool_cells
from chorus_runtime.masks.edges import dilate, feather
from chorus_runtime.masks.threshold import above_share, otsu

SHARES = st.floats(0.02, 0.98)

#: The first call of a torch function takes longer than any deadline worth having.
unhurried = settings(deadline=None, max_examples=60)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors gain nothing from threads that spin beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@st.composite
def scores(draw: st.DrawFn) -> torch.Tensor:
    """Scores of a few levels (ties are common) with a bright rectangle in some of them."""
    shape = [draw(st.integers(1, high)) for high in (3, 9, 11)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    levels = draw(st.sampled_from([2, 5, 1000]))
    score = torch.randint(levels, shape, generator=generator).float() / levels
    if draw(st.booleans()):
        rows, columns = (slice(draw(st.integers(0, size - 1)), None) for size in shape[1:])
        score[:, rows, columns] += 2
    return score


@unhurried
@given(scores(), SHARES, SHARES)
def test_a_larger_share_contains_a_smaller_one_and_neither_is_exceeded(score, one, other):
    small, large = (above_share(score, share) for share in sorted((one, other)))
    assert not (small & ~large).any()
    for mask, share in zip((small, large), sorted((one, other)), strict=True):
        assert mask.sum() <= share * mask.numel()
    event("marks something" if small.any() else "marks nothing")


@unhurried
@given(scores(), st.integers(0, 3), st.integers(0, 3))
def test_dilation_only_grows_and_adds_up(score, one, other):
    mask = above_share(score, 0.3)
    grown = dilate(mask, one)
    assert not (mask & ~grown).any()
    assert torch.equal(dilate(grown, other), dilate(mask, one + other))
    event("grew" if grown.sum() > mask.sum() else "did not grow")


@unhurried
@given(scores(), st.integers(0, 3))
def test_the_seam_stays_inside_and_ends_at_one(score, tokens):
    mask = above_share(score, 0.4)
    weights = feather(mask, tokens)
    assert (weights[~mask] == 0).all()
    assert ((weights[mask] > 0) & (weights[mask] <= 1)).all()
    wider = feather(mask, tokens + 1)
    assert (wider <= weights + 1e-6).all()


@unhurried
@given(scores(), st.sampled_from([1, 2, 4]))
def test_pooling_keeps_the_range_and_is_one_value_per_cell(score, cell):
    pooled = pool_cells(score, cell)
    assert pooled.shape == score.shape
    assert pooled.min() >= score.min() - 1e-6
    assert pooled.max() <= score.max() + 1e-6
    assert (pooled[:, :cell, :cell] == pooled[:, :1, :1]).all()


@unhurried
@given(scores())
def test_otsu_lies_inside_the_scores_and_splits_them_unless_they_are_equal(score):
    threshold = otsu(score)
    assert float(score.min()) <= threshold <= float(score.max())
    above = score > threshold
    if float(score.max()) > float(score.min()):
        assert above.any()
        assert not above.all()
    else:
        assert not above.any()


@unhurried
@given(
    scores(),
    SHARES,
    st.sampled_from([(1,), (2, 1), (4, 2, 1)]),
    st.integers(0, 2),
    st.booleans(),
)
def test_a_region_of_a_share_keeps_it_wherever_any_mask_can(score, share, cells, dilation, whole):
    chosen = MaskSettings(threshold="share", cells=cells, dilation=dilation, over_time=whole)
    region = find_region(score, share, chosen)
    held, tokens = region.index.numel(), score.numel()
    assert held == int(region.mask.sum())
    if bool((score == score.flatten()[0]).all()):
        assert held in (0, tokens)
    elif held > share * tokens:
        event("no mask but the empty one keeps the share")
        smaller = find_region(score, min(share, held / tokens) * 0.99, chosen)
        assert torch.equal(smaller.mask, region.mask)
    else:
        event("the share is kept")
        wider = find_region(score, min(1.0, 1.5 * share), chosen)
        assert not (region.mask & ~wider.mask).any()


@unhurried
@given(scores(), st.sampled_from([((4, 2, 1), (2, 1)), ((2, 1), (1,)), ((4, 1), (4,))]))
def test_more_levels_of_cells_only_take_tokens_away(score, levels):
    more, fewer = (
        find_region(score, 0.5, MaskSettings(threshold="otsu", cells=cells, dilation=0)).mask
        for cells in levels
    )
    assert not (more & ~fewer).any()
