"""Evidence: a long mean while nothing contradicts it, a new one soon after a change."""

import random

import numpy as np
import pytest

from chorus_policies.sizing.evidence import Evidence


def learned(*streams: list[float]) -> Evidence:
    evidence = Evidence(len(streams))
    for values in zip(*streams, strict=True):
        evidence.learn(np.array(values))
    return evidence


def test_equal_values_are_their_mean() -> None:
    assert learned([4.0] * 10).means()[0][0] == pytest.approx(4.0)


def test_two_values_are_weighted_by_the_longest_memory() -> None:
    # Of 16384 observations, the older one has lost one part.
    keep = 1 - 1 / 16384
    assert learned([3.0, 5.0]).means()[0][0] == pytest.approx((3 * keep + 5) / (keep + 1))


def test_a_steady_stream_is_averaged_over_all_of_it() -> None:
    chance = random.Random(1)  # noqa: S311
    values = [chance.expovariate(0.1) for _ in range(4000)]
    assert learned(values).means()[0][0] == pytest.approx(np.mean(values), rel=0.06)


@pytest.mark.parametrize("factor", [3.0, 1 / 3.0])
def test_a_change_by_three_is_followed_within_a_hundred_observations(factor: float) -> None:
    chance = random.Random(2)  # noqa: S311
    before = [chance.expovariate(0.1) for _ in range(2000)]
    after = [chance.expovariate(0.1 / factor) for _ in range(100)]
    found = learned(before + after).means()[0][0]
    assert abs(np.log(found / (10 * factor))) < abs(np.log(factor)) / 2
    assert learned(before).means()[0][0] == pytest.approx(10.0, rel=0.1)


def test_one_rare_event_is_no_change() -> None:
    found = learned([0.0] * 300 + [20.0]).means()[0][0]
    assert found == pytest.approx(20.0 / 301, rel=0.02)


def test_columns_that_were_not_seen_keep_what_they_know() -> None:
    evidence = Evidence(3)
    evidence.learn(np.array([1.0, 2.0, 3.0]))
    for _ in range(50):
        evidence.learn(np.array([7.0]), first=1)
    left, middle, right = evidence.means(0, 3)[0]
    assert (left, right) == (1.0, 3.0)
    assert middle > 6.5
    assert evidence.means(2, 1)[0][0] == 3.0


def test_the_usual_value_is_the_root_mean_square_of_those_that_are_not_zero() -> None:
    assert learned([0.0, 3.0, 0.0, 4.0]).usual() == pytest.approx(12.5**0.5, rel=1e-3)
