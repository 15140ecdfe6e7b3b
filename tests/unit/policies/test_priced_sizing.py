"""Priced sizing: grows while the margin saves more than it costs, and shrinks when it does not."""

import random

import pytest

from chorus_policies.parts import Prices, Setting
from chorus_policies.sizing.priced import Config, Priced

GIB = 2**30


def make(**numbers: float) -> Priced:
    setting = Setting(capacity_bytes=100 * GIB, chance=random.Random(0))  # noqa: S311
    part = Priced(Config(**numbers), setting)
    # One GPU-second costs a dollar, a GiB costs a dollar per 100 s.
    part.priced(Prices(gpu_usd_per_s=1.0, usd_per_byte_s=0.01 / GIB))
    return part


def test_it_starts_small_and_waits_until_it_is_full() -> None:
    part = make(least_share=0.1)
    assert part.capacity(0.0) == 10 * GIB
    assert part.looked_up(50.0, 5.0) is None
    assert part.capacity(5.0) == 10 * GIB


def test_ghost_hits_worth_more_than_the_memory_make_it_grow() -> None:
    part = make(least_share=0.1, evidence=3)
    part.left(GIB, 0.0)
    # The margin of 2.5 GiB costs 0.025 $ a second; each hit saves 2 $.
    assert part.looked_up(2.0, 1.0) is None
    assert part.looked_up(2.0, 2.0) is None
    reason = part.looked_up(2.0, 3.0)
    assert reason is not None
    assert reason.startswith("more: the margin saved $6.0000 and cost $0.0750")
    assert part.capacity(3.0) == int(12.5 * GIB)


def test_a_margin_that_saves_nothing_makes_it_shrink_to_the_least() -> None:
    part = make(least_share=0.1)
    part.left(GIB, 0.0)
    for second in range(1, 4):
        part.looked_up(2.0, float(second))
    part.left(GIB, 3.0)
    # Three typical hits are 6 $; 3.125 GiB of margin cost that after 192 s.
    assert part.looked_up(0.0, 190.0) is None
    reason = part.looked_up(0.0, 200.0)
    assert reason is not None
    assert reason.startswith("less")
    assert part.capacity(200.0) == 10 * GIB


def test_it_never_takes_more_than_the_scenario_gives() -> None:
    part = make(least_share=0.9)
    part.left(GIB, 0.0)
    for second in range(1, 50):
        part.looked_up(1000.0, float(second))
        part.left(GIB, float(second))
    assert part.capacity(50.0) == 100 * GIB


def test_the_least_holds_any_entry_that_asks() -> None:
    part = make(least_share=0.01)
    part.holds(7 * GIB)
    assert part.capacity(0.0) == 7 * GIB


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"least_share": 0.0}, "least_share"),
        ({"step": -1.0}, "step"),
        ({"margin": 9.0}, "margin"),
        ({"evidence": 0.0}, "evidence"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Config(**numbers)
