"""Shares of right clips, and how sure so many of them make one."""

import pytest
from scipy import stats

from chorus_runtime.shapes.evaluate import wilson


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("right", "trials"), [(0, 1), (1, 1), (9, 10), (100, 100), (163, 200)])
def test_the_interval_is_that_of_wilson(right, trials, level):
    """The oracle is scipy's."""
    found = wilson(right, trials, level)
    known = stats.binomtest(right, trials).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert (found.right, found.trials) == (right, trials)


def test_without_trials_nothing_is_known():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
