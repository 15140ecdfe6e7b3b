"""What judged results say about those that nobody judged."""

import random
from statistics import NormalDist

import msgspec
import pytest
from scipy import stats

from chorus_policies.parts import Setting
from chorus_policies.reuse.error_budget import Config, ErrorBudget
from chorus_policies.reuse.evidence import Evidence, Ledger


def test_results_nobody_judged_count_like_those_somebody_did() -> None:
    ledger = Ledger()
    ledger.reused = 10
    assert ledger.expected_bad == 0
    ledger.judged, ledger.bad = 2, 1
    assert ledger.expected_bad == 5
    ledger.reused = 1
    assert ledger.expected_bad == 1


@pytest.mark.parametrize(("judged", "bad"), [(1, 0), (1, 1), (10, 1), (200, 37)])
def test_bounds_are_those_of_wilson(judged: int, bad: int) -> None:
    """The oracle is scipy's."""
    evidence = Evidence(NormalDist().inv_cdf(0.975))
    known = stats.binomtest(bad, judged).proportion_ci(0.95, method="wilson")
    assert evidence.bounds(judged, bad) == pytest.approx((known.low, known.high))
    assert evidence.bounds(0, 0) == (0, 1)


def test_a_namespace_that_disappointed_waits_until_one_more_is_within_delta() -> None:
    numbers = {"delta": 0.5, "epsilon": 0.5, "bands": [{"similarity": 0.9, "k1": 0.4}]}
    chance = random.Random(0)  # noqa: S311 - not secret
    part = ErrorBudget(msgspec.convert(numbers, Config), Setting(capacity_bytes=0, chance=chance))
    part._all.with_donor = 1000
    own = Ledger()
    own.reused = own.judged = own.bad = 1
    own.with_donor = 3
    assert part._is_spent(own)
    own.with_donor = 4
    assert not part._is_spent(own)
