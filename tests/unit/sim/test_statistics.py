import math

import numpy as np
import pytest
from scipy import stats

from chorus_sim.statistics import BATCHES, batch_means_interval, mser5, replication_interval


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


def test_the_interval_of_ten_batches_worked_out_by_hand():
    """Neighbouring batches correlate by 0.1, by 0.24 corrected: the variance grows by 31 / 19."""
    batches = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 0], dtype=float)
    low, high = batch_means_interval(np.repeat(batches, 2))
    half = stats.t.ppf(0.975, 10 * 19 / 31 - 1) * math.sqrt(2.5 / 9) * math.sqrt(31 / 19 / 10)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))


def test_the_interval_of_four_replications_worked_out_by_hand():
    means = np.array([1.0, 2.0, 3.0, 4.0])
    half = 3.18245 * math.sqrt(5 / 3) / 2
    assert replication_interval(means) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-4)
    around = replication_interval(means, centre=10.0)
    assert around == pytest.approx((10 - half, 10 + half), abs=1e-4)
    assert replication_interval(means[:1]) == (-math.inf, math.inf)


def test_mser5_cuts_where_the_standard_error_of_the_rest_is_least():
    cuts = set()
    for seed in range(20):
        values = correlated(seed, 400, 0.6)
        values[: 10 * seed] += 3
        means = values.reshape(-1, 5).mean(axis=1)
        errors = [means[cut:].var() / len(means[cut:]) for cut in range(len(means) // 2 + 1)]
        assert mser5(values) == 5 * int(np.argmin(errors))
        cuts.add(mser5(values))
    assert len(cuts) > 10
    assert mser5(np.arange(19.0)) == 0


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
