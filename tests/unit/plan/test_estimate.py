import numpy as np
import pytest

from chorus_sim.plan.estimate import estimate, given_up
from chorus_sim.plan.goal import parse_goal


def responses(seed: int, count: int = 3_000) -> np.ndarray:
    return np.random.default_rng(seed).exponential(10.0, count)


@pytest.mark.parametrize("slo", ["mean=30s", "p50=30s", "p95=30s", "p99=60s"])
def test_the_drawn_interval_holds_the_value_and_narrows_with_requests(slo):
    goal = parse_goal(slo, 0.5)
    few = estimate([responses(1, 600)], goal, 30.0, "bootstrap")
    many = estimate([responses(1, 20_000)], goal, 30.0, "bootstrap")
    for one in (few, many):
        assert one.interval_s[0] <= one.value_s <= one.interval_s[1]
        assert one.attainment_interval[0] <= one.attainment <= one.attainment_interval[1]
    assert np.ptp(many.interval_s) < np.ptp(few.interval_s)


def test_a_drawn_percentile_agrees_with_a_direct_one():
    run = responses(3, 9_000)
    one = estimate([run], parse_goal("p95=30s"), 30.0, "bootstrap")
    # Independent values: the normal interval of a sample quantile (density at the quantile .005).
    half = 1.96 * np.sqrt(0.95 * 0.05 / len(run)) / 0.005
    assert one.interval_s[1] - one.value_s == pytest.approx(half, rel=0.4)


def test_a_point_meets_only_with_its_unfavourable_end():
    goal = parse_goal("p95=30s")
    runs = [responses(seed) for seed in range(5)]
    one = estimate(runs, goal, 30.0, "replications")
    low, high = one.interval_s
    assert low < one.value_s < high
    assert one.meets(goal, high)
    assert not one.meets(goal, one.value_s)
    assert one.may_meet(goal, one.value_s)
    assert not one.may_meet(goal, 0.99 * low)


def test_attainment_must_be_reached_too():
    runs = [responses(seed) for seed in range(5)]
    slack = estimate(runs, parse_goal("mean=12s"), 12.0, "replications")
    assert slack.meets(parse_goal("mean=12s"), 12.0)
    assert not slack.meets(parse_goal("mean=12s", 0.9), 12.0)
    assert slack.meets(parse_goal("mean=12s", 0.6), 12.0)


def test_a_run_that_misses_twice_over_is_given_up():
    goal = parse_goal("p95=10s")
    assert given_up(responses(1), goal, 10.0).seeds == 1
    assert given_up(responses(1), goal, 20.0) is None
