"""Timelines: binned levels against counting by hand."""

from itertools import pairwise

import numpy as np
import pytest

from chorus_reports.timeline import Timeline, edges_between, time_unit


def spans(count, seed):
    """Begins and ends on a coarse grid, so that many changes share an instant."""
    chance = np.random.default_rng(seed)
    begin = chance.integers(0, 400, count) / 4
    return begin, begin + chance.integers(0, 60, count) / 4


@pytest.mark.parametrize("seed", range(5))
def test_a_timeline_agrees_with_counting(seed):
    begin, end = spans(200, seed)
    ones = np.ones(len(begin))
    line = Timeline(np.concatenate([begin, end]), np.concatenate([ones, -ones]))
    edges = np.linspace(begin.min(), end.max(), 38)
    overlap = np.minimum(end[:, None], edges[1:]) - np.maximum(begin[:, None], edges[:-1])
    mean = np.clip(overlap, 0, None).sum(axis=0) / np.diff(edges)
    instants = np.unique(np.concatenate([begin, end, edges]))
    level = ((begin[:, None] <= instants) & (instants < end[:, None])).sum(axis=0)
    highest = [
        level[(low <= instants) & ((instants < high) | (high == edges[-1]))].max()
        for low, high in pairwise(edges)
    ]
    assert line.mean(edges) == pytest.approx(mean)
    assert [line.peak, line.last] == [level.max(), 0]
    assert line.highest(edges).tolist() == highest
    assert max(highest) > 5


def test_changes_at_one_instant_count_as_one():
    line = Timeline(np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, -1.0, 3.0, -2.0]))
    assert line.peak == 1
    assert line.last == 1


def test_a_timeline_without_changes_stays_at_zero():
    line = Timeline(np.empty(0), np.empty(0))
    edges = edges_between(3.0, 3.0)
    assert (np.diff(edges) > 0).all()
    assert line.peak == line.last == line.mean(edges).max() == line.highest(edges).max() == 0


def test_the_unit_of_the_time_axis_grows_with_the_run():
    spans_s = (60.0, 3600.0, 86400.0, 30 * 86400.0)
    assert [time_unit(span)[1] for span in spans_s] == ["seconds", "minutes", "hours", "days"]
