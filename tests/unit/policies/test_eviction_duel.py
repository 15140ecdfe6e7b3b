"""DUEL by hand."""

from typing import Any

import pytest
from unit.policies.hand_trace import FRESH, Trace

from chorus_policies.eviction.duel import Config, Duel


def trace(*throws: float, **numbers: Any) -> Trace:
    return Trace(lambda setting: Duel(Config(**numbers), setting), *throws)


def fighting(*throws: float, **numbers: Any) -> Trace:
    """1 is resident; 2, whose nearest is 1, challenges it; 3 finds nobody free and is just kept."""
    made = trace(0.0, *throws, beta=1.0, **numbers)
    return made.admit(1).look(2, FRESH, (1, 0.9, 2.0)).admit(2, 3)


def test_a_challenger_that_saves_more_drives_the_incumbent_out() -> None:
    made = fighting()
    # 2 would save 4 s, 1 only 1 s, of a miss of 10 s: the lead is 0.3, then 0.6 >= 0.5.
    made.look(10, FRESH, (2, 0.95, 4.0), (1, 0.9, 1.0))
    assert made.part.victim((), 0.0) == 2  # still undecided: a challenger goes before others
    made.look(11, FRESH, (2, 0.95, 4.0), (1, 0.9, 1.0))
    assert made.evict() == [1]


def test_a_challenger_that_saves_less_leaves() -> None:
    made = fighting().look(10, FRESH, (1, 0.95, 6.0))
    assert made.evict() == [2]
    assert sorted([*made.part._free._keys]) == [1, 3]


def test_only_what_a_side_saves_beyond_the_best_third_counts() -> None:
    made = fighting()
    # 3 would save 6 s whether 1 or 2 is there or not.
    for sequence in range(10, 20):
        made.look(sequence, FRESH, (1, 0.95, 6.0), (3, 0.9, 6.0), (2, 0.85, 5.0))
    assert list(made.part._running) == [2]
    assert made.part._running[2].lead == 0


def test_a_duel_without_a_decision_ends_in_time_and_the_leader_stays() -> None:
    made = fighting(patience=2.0)  # three entries: six lookups
    made.look(10, FRESH, (2, 0.95, 1.0))  # the challenger leads by 0.1
    for sequence in range(11, 15):
        made.look(sequence, FRESH)
    assert made.part._running
    made.look(15, FRESH)
    assert not made.part._running
    assert made.evict() == [1]


def test_in_a_duel_that_ends_even_the_incumbent_stays() -> None:
    made = fighting(patience=1.0)
    for sequence in range(10, 13):
        made.look(sequence, FRESH)
    assert made.evict() == [2]


def test_without_luck_the_rival_is_any_free_entry() -> None:
    made = trace(0.9, 0.0, beta=0.5).admit(1)
    made.part._free.add(5)
    made.look(2, FRESH, (5, 0.9, 2.0)).admit(2)  # 0.9 loses the nearest, 0.0 draws place 0: 1
    assert made.part._running[2].incumbent == 1


def test_the_rival_of_one_who_leaves_is_free_again() -> None:
    made = fighting(0.9)
    made.part.removed(1, 0.0)
    assert not made.part._running
    assert made.evict() == [2]  # the free are 3 and 2; 0.9 draws place 1


def test_with_all_challengers_pinned_an_incumbent_goes_and_then_a_free_entry() -> None:
    made = fighting(0.0)
    assert made.evict(pinned=(2,)) == [1]
    # 2 won by default and is free like 3; place 0 holds 3.
    assert made.evict(pinned=(2,)) == [3]


def test_losers_leave_in_the_order_they_lost() -> None:
    made = fighting().look(4, FRESH, (3, 0.9, 2.0))
    made.part._chance._throws = [0.0]
    made.admit(4)  # challenges 3
    made.look(10, FRESH, (3, 0.95, 6.0)).look(11, FRESH, (1, 0.95, 6.0))
    assert made.evict(2) == [4, 2]


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"beta": 1.5}, "beta is 1.5"),
        ({"delta": 0.0}, "delta is 0.0"),
        ({"patience": float("inf")}, "patience is inf"),
        ({"looks": 1}, "looks is 1"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Config(**numbers)
