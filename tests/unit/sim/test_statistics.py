import math

import numpy as np
import pytest

from chorus_sim.statistics import BATCHES, batch_means_interval


def correlated(seed: int, count: int, memory: float) -> np.ndarray:
    """Return a first-order autoregressive series of mean 0."""
    noise = np.random.default_rng(seed).standard_normal(count)
    values = np.empty(count)
    values[0] = noise[0] / math.sqrt(1 - memory**2)
    for place in range(1, count):
        values[place] = memory * values[place - 1] + noise[place]
    return values


def test_the_interval_lies_around_the_mean():
    values = correlated(1, 1_000, 0.5)
    low, high = batch_means_interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean())
    narrow = batch_means_interval(values, confidence=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_correlated_batches_widen_the_interval():
    """Batches shorter than the series' memory must not count as independent."""
    widths = []
    for seed in range(40):
        values = correlated(seed, 500, 0.98)
        low, high = batch_means_interval(values)
        batches = values.reshape(BATCHES, -1).mean(axis=1)
        widths.append((high - low) / 2 / (2.262 * batches.std(ddof=1) / math.sqrt(BATCHES)))
    assert min(widths) >= 1 - 1e-9
    assert np.median(widths) > 1.3


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.98])
def test_the_interval_covers_the_true_mean(memory):
    covered = 0
    for seed in range(300):
        low, high = batch_means_interval(correlated(seed, 2_000, memory))
        covered += low <= 0 <= high
    assert covered >= 0.9 * 300


def test_too_few_values_say_nothing():
    assert batch_means_interval(np.ones(2 * BATCHES - 1)) == (-math.inf, math.inf)


def test_a_constant_series_has_no_width():
    assert batch_means_interval(np.full(100, 3.0)) == (3.0, 3.0)
