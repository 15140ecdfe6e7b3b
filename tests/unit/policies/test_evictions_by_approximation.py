"""SIM-LRU, RND-LRU and qLRU-dC by hand."""

import pytest
from unit.policies.hand_trace import FRESH, Trace, entry, resume

from chorus_policies.eviction import qlru_dc, rnd_lru, sim_lru
from chorus_policies.eviction.approximation import unsaved_share
from chorus_policies.plan import Copy, Regional


def sim_trace(theta: float) -> Trace:
    return Trace(lambda setting: sim_lru.SimLru(sim_lru.Config(theta=theta), setting))


def rnd_trace(power: float, *throws: float) -> Trace:
    return Trace(lambda setting: rnd_lru.RndLru(rnd_lru.Config(power=power), setting), *throws)


def qlru_trace(*throws: float) -> Trace:
    return Trace(lambda setting: qlru_dc.QlruDc(qlru_dc.Config(), setting), *throws)


def test_the_unsaved_share_of_each_kind_of_plan() -> None:
    one = entry(1)
    assert unsaved_share(Copy(donor=1), one) == 0
    assert unsaved_share(FRESH, one) == 1
    assert unsaved_share(resume(1, k1=4), one) == 0.6
    regional = Regional(
        donor=1, similarity=1.0, k1=2, k2=8, active_share=0.5, amplification=1, reason=""
    )
    assert unsaved_share(regional, one) == 0.5  # 6 partial steps at a half, 2 of repair


def test_sim_lru_refreshes_only_by_a_good_approximation() -> None:
    # Six of ten steps are left after k1 = 4, five after k1 = 5; theta allows five.
    trace = sim_trace(theta=0.5).admit(1, 2, 3).hit(1, k1=4).hit(2, k1=5)
    assert trace.evict(3) == [1, 3, 2]


def test_sim_lru_with_theta_one_is_lru() -> None:
    assert sim_trace(theta=1.0).admit(1, 2, 3).hit(1, k1=0).evict(3) == [2, 3, 1]


def test_rnd_lru_refreshes_with_the_chance_of_the_share_saved() -> None:
    # k1 = 5 saves half: 0.4 wins, 0.6 loses.
    trace = rnd_trace(1.0, 0.4, 0.6).admit(1, 2, 3).hit(1, 2, k1=5)
    assert trace.evict(3) == [2, 3, 1]


def test_rnd_lru_with_a_power_wants_deeper_reuse() -> None:
    # 0.5 squared is 0.25: 0.3 loses, 0.2 wins.
    trace = rnd_trace(2.0, 0.3, 0.2).admit(1, 2, 3).hit(1, 2, k1=5)
    assert trace.evict(3) == [1, 3, 2]


def test_rnd_lru_with_power_zero_is_lru() -> None:
    assert rnd_trace(0.0, 0.999).admit(1, 2).hit(1, k1=1).evict(2) == [2, 1]


def test_qlru_dc_refreshes_with_the_chance_of_what_only_the_donor_saves() -> None:
    # 1 saves 5 s of 10, 2 would save 3 s: the chance is 0.2.
    near = ((1, 0.95, 5.0), (2, 0.9, 3.0))
    trace = qlru_trace(0.3, 0.1).admit(1, 2, 3)
    trace.look(10, resume(1), *near).hit(1)  # 0.3 loses
    assert trace.evict() == [1]
    trace.admit(1).look(11, resume(2, k1=3), (2, 0.9, 3.0)).hit(2)  # alone: 0.3, and 0.1 wins
    assert trace.evict(3) == [3, 1, 2]


def test_qlru_dc_never_refreshes_an_entry_that_another_covers() -> None:
    trace = qlru_trace(0.0).admit(1, 2)
    trace.look(10, resume(1), (1, 0.95, 5.0), (2, 0.95, 5.0)).hit(1)  # chance 0: 0.0 loses
    assert trace.evict() == [1]


def test_qlru_dc_reads_no_more_than_the_two_nearest() -> None:
    trace = qlru_trace(0.5).admit(1, 2, 3)
    trace.look(10, resume(1), (1, 0.95, 5.0), (2, 0.9, 0.0), (3, 0.8, 5.0)).hit(1)  # 0.5: loses
    assert trace.evict() == [1]


def test_qlru_dc_refreshes_by_a_copy_found_on_arrival() -> None:
    trace = qlru_trace(0.999).admit(1, 2)
    trace.look(10, FRESH)
    trace.part.hit(entry(1), Copy(donor=1), 0.0)
    assert trace.evict(2) == [2, 1]


@pytest.mark.parametrize("make", [lambda: sim_trace(0.5), lambda: rnd_trace(1.0), qlru_trace])
def test_a_pinned_entry_is_passed_over_and_keeps_its_place(make) -> None:  # type: ignore[no-untyped-def]
    trace = make().admit(1, 2, 3)
    assert trace.evict(pinned=(1,)) == [2]
    assert trace.evict(2) == [1, 3]


@pytest.mark.parametrize(
    ("config", "numbers", "complaint"),
    [
        (sim_lru.Config, {"theta": 1.5}, "theta is 1.5"),
        (sim_lru.Config, {"theta": float("nan")}, "theta is nan"),
        (rnd_lru.Config, {"power": -1.0}, "power is -1.0"),
    ],
)
def test_impossible_numbers_are_refused(config, numbers, complaint) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=complaint):
        config(**numbers)
