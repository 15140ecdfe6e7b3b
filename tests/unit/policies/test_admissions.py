"""Admission parts by hand."""

import random
from typing import Any

import pytest
from unit.policies.hand_trace import Scripted, entry

from chorus_policies.admission import on_miss, qlru_dc, second_sight, sketch, tinylfu
from chorus_policies.parts import Setting

VICTIM = entry(999)


def setting(*throws: float, capacity_bytes: int = 10) -> Setting:
    return Setting(capacity_bytes=capacity_bytes, chance=Scripted(*throws))


def reused(key: int, donor: int, **changes: Any) -> Any:
    return entry(key, exact=False, donor=donor, donor_similarity=0.9, **changes)


def test_on_miss_keeps_fresh_results_only() -> None:
    part = on_miss.OnMiss(on_miss.Config(), setting())
    assert part.admit(entry(1), VICTIM, 0.0)
    assert not part.admit(reused(2, 1), VICTIM, 0.0)
    assert not part.admit(reused(3, 1), None, 0.0)


def sight(ghosts: int = 10) -> second_sight.SecondSight:
    return second_sight.SecondSight(second_sight.Config(ghosts=ghosts), setting())


def test_second_sight_keeps_everything_while_there_is_room() -> None:
    assert sight().admit(entry(1), None, 0.0)


def test_second_sight_refuses_a_first_and_keeps_its_repetition() -> None:
    part = sight()
    assert not part.admit(entry(1, identity="a"), VICTIM, 0.0)
    assert not part.admit(entry(2, identity="a", namespace="two"), VICTIM, 0.0)
    assert part.admit(entry(3, identity="a"), VICTIM, 0.0)
    assert not part.admit(entry(4, identity="a"), VICTIM, 0.0)  # the ghost served once


def test_second_sight_keeps_what_a_resident_was_the_donor_of() -> None:
    assert sight().admit(reused(2, 1), VICTIM, 0.0)


def test_second_sight_never_keeps_a_first_without_identity() -> None:
    part = sight()
    assert not part.admit(entry(1), VICTIM, 0.0)
    assert not part.admit(entry(2), VICTIM, 0.0)


def test_second_sight_forgets_the_oldest_ghost() -> None:
    part = sight(ghosts=2)
    for key, identity in enumerate("abc"):
        assert not part.admit(entry(key, identity=identity), VICTIM, 0.0)
    assert not part.admit(entry(5, identity="a"), VICTIM, 0.0)  # forgets b
    assert part.admit(entry(6, identity="c"), VICTIM, 0.0)
    assert len(part._ghosts) == 1


def lfu(sample: float = 100.0) -> tinylfu.TinyLfu:
    return tinylfu.TinyLfu(tinylfu.Config(sample=sample), setting())


def test_tinylfu_keeps_everything_while_there_is_room() -> None:
    assert lfu().admit(entry(1), None, 0.0)


def test_tinylfu_keeps_the_more_frequent_of_candidate_and_victim() -> None:
    part = lfu()
    old = entry(1, identity="old")
    assert part.admit(old, None, 0.0)  # old 1
    assert not part.admit(entry(2, identity="new"), old, 0.0)  # 1 is not more than 1
    assert part.admit(entry(3, identity="new"), old, 0.0)  # 2 is


def test_tinylfu_counts_what_an_entry_was_the_donor_of() -> None:
    part = lfu()
    donor = entry(1, identity="old")
    part.admit(donor, None, 0.0)
    part.admit(reused(2, 1), None, 0.0)
    part.admit(reused(3, 1), None, 0.0)
    # The donor: its identity once, its reuse twice. "new" needs four.
    answers = [part.admit(entry(key, identity="new"), donor, 0.0) for key in range(4, 8)]
    assert answers == [False, False, False, True]


def test_tinylfu_forgets_by_halves() -> None:
    part = lfu(sample=1.0)  # ten entries of one byte fit, so every ten offers
    old = entry(1, identity="old")
    for _ in range(8):
        part.admit(old, None, 0.0)
    assert part._demand(old) == 8
    part.admit(entry(2), None, 0.0)
    part.admit(entry(3), None, 0.0)
    assert part._demand(old) == 4


def test_qlru_dc_keeps_a_fresh_result_with_chance_q() -> None:
    part = qlru_dc.QlruDc(qlru_dc.Config(q=0.5), setting(0.4, 0.6))
    assert part.admit(entry(1), None, 0.0)  # there is room: no coin
    assert part.admit(entry(2), VICTIM, 0.0)
    assert not part.admit(entry(3), VICTIM, 0.0)


def test_qlru_dc_keeps_a_reused_result_with_the_share_it_cost() -> None:
    part = qlru_dc.QlruDc(qlru_dc.Config(q=0.5), setting(0.19, 0.21))
    part.admit(entry(1, cost_s=10.0), None, 0.0)
    # It cost 4 of 10 s: the chance is 0.5 x 0.4 = 0.2.
    assert part.admit(reused(2, 1, cost_s=4.0), VICTIM, 0.0)
    assert not part.admit(reused(3, 1, cost_s=4.0), VICTIM, 0.0)


def test_a_sketch_never_counts_too_little() -> None:
    chance = random.Random(0)  # noqa: S311
    counts = {f"name {place}": chance.randrange(16) for place in range(200)}
    made = sketch.Sketch(64)
    for name, count in counts.items():
        for _ in range(count):
            made.add(name)
    assert all(made.estimate(name) >= count for name, count in counts.items())


def test_a_roomy_sketch_counts_exactly_up_to_fifteen() -> None:
    made = sketch.Sketch(2**14)
    for _ in range(20):
        made.add("much")
    made.add("little")
    assert (made.estimate("much"), made.estimate("little"), made.estimate("none")) == (15, 1, 0)
    made.halve()
    assert (made.estimate("much"), made.estimate("little")) == (7, 0)


@pytest.mark.parametrize(
    ("config", "numbers", "complaint"),
    [
        (second_sight.Config, {"ghosts": -1}, "ghosts is -1"),
        (tinylfu.Config, {"counters": 1}, "counters is 1"),
        (tinylfu.Config, {"sample": float("nan")}, "sample is nan"),
        (qlru_dc.Config, {"q": 0.0}, "q is 0.0"),
    ],
)
def test_impossible_numbers_are_refused(config: Any, numbers: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        config(**numbers)
