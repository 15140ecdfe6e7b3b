"""SphereLFU by hand: with kappa = ln 2 a neighbour at cosine 0.5 has half the kernel of a copy."""

import math
from typing import Any

import pytest
from unit.policies.hand_trace import FRESH, Trace

from chorus_policies.eviction.sphere_lfu import Config, SphereLfu

NUMBERS = {"kappa": math.log(2), "alpha": 0.5, "gamma": 1.0}


def trace(**numbers: Any) -> Trace:
    return Trace(lambda setting: SphereLfu(Config(**NUMBERS | numbers), setting))


def test_one_credit_is_shared_among_the_neighbours() -> None:
    made = trace().admit(1, 2, 3).look(10, FRESH, (1, 1.0, 5.0), (2, 0.5, 1.0))
    # Kernels 1 and 0.5; with alpha the total is 2: credits 0.5 and 0.25.
    rank = made.part._ranking.rank
    assert [rank(key) for key in (1, 2, 3)] == pytest.approx([1.5, 1.25, 1.0])
    assert made.evict(3) == [3, 2, 1]


def test_an_entry_with_more_credit_draws_more() -> None:
    made = trace().admit(1, 2)
    made.look(10, FRESH, (1, 1.0, 5.0))  # 1 / 1.5: 1 has 5/3
    made.look(11, FRESH, (2, 1.0, 5.0), (1, 1.0, 5.0))
    # Total 1 + 5/3 + 1/2 = 19/6: credits 6/19 and 10/19.
    rank = made.part._ranking.rank
    assert [rank(1), rank(2)] == pytest.approx([5 / 3 + 10 / 19, 1 + 6 / 19])


def test_a_hit_itself_changes_nothing() -> None:
    assert trace().admit(1, 2).hit(1, 1, 1).evict(2) == [1, 2]


def test_counts_decay_with_every_lookup() -> None:
    made = trace(gamma=0.5).admit(1).look(10, FRESH, (1, 1.0, 5.0))
    # 1 decayed to 0.5 and drew 0.5 / (0.5 + 0.5): 1 in all. Two lookups later it has a quarter,
    # as has 2, which came with 1 and was put later.
    made.admit(2).look(11, FRESH).look(12, FRESH).admit(3)
    unit = made.part._unit
    counts = [made.part._ranking.rank(key) / unit for key in (1, 2, 3)]
    assert counts == pytest.approx([0.25, 0.25, 1.0])
    assert made.evict(3) == [1, 2, 3]


def test_counts_survive_being_scaled_back() -> None:
    made = trace(gamma=0.5).admit(1, 2)
    for sequence in range(10, 10 + 700):  # 2^700 is beyond the largest unit
        made.look(sequence, FRESH, (1, 1.0, 5.0))
    rank, unit = made.part._ranking.rank, made.part._unit
    # c = c / 2 + (c / 2) / (c / 2 + 1/2) rests at 1.
    assert rank(1) / unit == pytest.approx(1.0, rel=1e-6)
    assert 0 <= rank(2) / unit < 1e-100
    assert made.evict(2) == [2, 1]


def test_no_more_neighbours_are_read_than_share() -> None:
    made = trace(neighbours=1).admit(1, 2).look(10, FRESH, (1, 1.0, 5.0), (2, 1.0, 5.0))
    assert made.part._ranking.rank(2) == 1.0


def test_a_neighbour_of_another_tier_is_left_alone() -> None:
    made = trace().admit(1).look(10, FRESH, (7, 1.0, 5.0), (1, 1.0, 5.0))
    assert made.part._ranking.rank(1) == pytest.approx(1 + 1 / 1.5)


def test_a_pinned_entry_is_passed_over_and_keeps_its_place() -> None:
    made = trace().admit(1, 2, 3)
    assert made.evict(pinned=(1,)) == [2]
    assert made.evict(2) == [1, 3]


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"kappa": -1.0}, "kappa is -1.0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"gamma": 1.1}, "gamma is 1.1"),
        ({"neighbours": 0}, "neighbours is 0"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Config(**numbers)
