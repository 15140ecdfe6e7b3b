"""Random, aged LFU, GDSF and LCBFU by hand."""

import msgspec
import pytest
from unit.policies.hand_trace import Trace, entry, query, resume

from chorus_policies.eviction import gdsf, lcbfu, lfu_aged, random
from chorus_policies.plan import Copy, Regional


def random_trace(*throws: float) -> Trace:
    return Trace(lambda setting: random.Random(random.Config(), setting), *throws)


def aged_trace() -> Trace:
    return Trace(lambda setting: lfu_aged.LfuAged(lfu_aged.Config(), setting))


def gdsf_trace(cost: str = "made") -> Trace:
    return Trace(lambda setting: gdsf.Gdsf(gdsf.Config(cost=cost), setting))


def lcbfu_trace() -> Trace:
    return Trace(lambda setting: lcbfu.Lcbfu(lcbfu.Config(), setting))


def test_random_evicts_the_entry_at_the_drawn_place() -> None:
    # Places 0 1 2 hold 1 2 3. 0.7 draws place 2: 3. 0.0 draws place 0: 1, and 2 fills its place.
    assert random_trace(0.7, 0.0, 0.0).admit(1, 2, 3).evict(3) == [3, 1, 2]


def test_random_names_the_next_one_where_the_drawn_one_is_pinned() -> None:
    trace = random_trace(0.7, 0.9).admit(1, 2, 3)
    assert trace.evict(pinned=(3, 1)) == [2]  # place 2 is pinned, so is place 0
    assert trace.evict() == [3]  # 3 fills place 1


def test_random_draws_anew_when_the_one_it_named_is_pinned() -> None:
    trace = random_trace(0.0, 0.5).admit(1, 2)
    assert trace.part.victim((), 0.0) == 1
    assert trace.part.victim((1,), 0.0) == 2


def test_aged_lfu_without_evictions_is_lfu() -> None:
    assert aged_trace().admit(1, 2, 3).hit(1, 1, 3).evict() == [2]


def test_an_entry_that_was_popular_once_is_overtaken() -> None:
    trace = aged_trace().admit(1, 2, 3).hit(1, 1, 3)
    # Ranks: 1 has 3, 2 has 1, 3 has 2.
    assert trace.evict() == [2]  # the age becomes 1
    trace.admit(4)  # rank 1 + 1 = 2, after 3
    assert trace.evict() == [3]  # the age becomes 2
    trace.admit(5)  # rank 2 + 1 = 3, after 1
    assert trace.evict() == [4]  # rank 2
    assert trace.evict() == [1]  # plain LFU would keep 1, with three uses, and evict 5
    assert trace.evict() == [5]


def test_a_hit_ranks_an_old_entry_by_the_present_age() -> None:
    trace = aged_trace().admit(1, 2, 3).hit(2, 2)
    assert trace.evict() == [1]  # the age becomes 1
    trace.hit(3)  # rank 1 + 2 = 3, after 2 with rank 3
    assert trace.evict(2) == [2, 3]


def test_an_operators_removal_does_not_age_the_cache() -> None:
    trace = aged_trace().admit(1, 2).hit(1, 1, 1)
    trace.part.removed(1, 0.0)
    trace.admit(3)  # rank 1, after 2
    assert trace.evict(2) == [2, 3]


def test_gdsf_evicts_the_large_before_the_small() -> None:
    trace = gdsf_trace().admit(1, size_bytes=1).admit(2, size_bytes=4).admit(3, size_bytes=2)
    # Ranks: 1, 1/4, 1/2.
    assert trace.evict(3) == [2, 3, 1]


def test_gdsf_evicts_the_cheap_before_the_dear() -> None:
    trace = gdsf_trace().admit(1, cost_s=9.0).admit(2, cost_s=3.0).admit(3, cost_s=5.0)
    assert trace.evict(3) == [2, 3, 1]


def test_gdsf_ranks_a_new_entry_by_the_level_before_its_room_was_made() -> None:
    trace = gdsf_trace().admit(1).admit(2, size_bytes=2).hit(1)
    # Ranks: 1 has 2, 2 has 1/2.
    assert trace.evict() == [2]  # the level will be 1/2
    trace.admit(3, size_bytes=4)  # level 0: rank 1/4
    trace.admit(4, size_bytes=4)  # level 1/2: rank 3/4
    trace.hit(3, size_bytes=4)  # level 1/2, two uses: rank 1
    assert trace.evict() == [4]
    assert trace.evict() == [3]
    assert trace.evict() == [1]


def test_gdsf_by_saving_counts_what_each_hit_saved() -> None:
    trace = gdsf_trace("saved").admit(1, 2, 3)  # one credit each: what made them, 1 s
    # 1 saves 2 s twice, 2 saves 5 s once: 1 + 4 = 5 and 1 + 5 = 6.
    for sequence, donor, k1 in ((10, 1, 2), (11, 2, 5), (12, 1, 2)):
        trace.look(sequence, resume(donor, k1)).hit(donor, k1=k1)
    trace.admit(4)  # the mean saving of a hit: 3
    assert trace.evict(4) == [3, 4, 1, 2]


def test_gdsf_by_saving_counts_a_copy_as_what_made_the_entry() -> None:
    trace = gdsf_trace("saved").admit(1, cost_s=2.0).admit(2, cost_s=3.0)
    trace.part.hit(entry(1, cost_s=2.0), Copy(donor=1), 0.0)  # 2 + 2 = 4
    assert trace.evict(2) == [2, 1]


def test_gdsf_refuses_an_unknown_cost() -> None:
    with pytest.raises(ValueError, match="cost is 'price'"):
        gdsf.Config(cost="price")


def test_lcbfu_counts_frequency_times_steps() -> None:
    trace = lcbfu_trace().admit(1, 2, 3)
    # 1: three hits of one step = 3; 2: one hit of five = 5; 3: two hits of two = 4.
    trace.hit(1, 1, 1, k1=1).hit(2, k1=5).hit(3, 3, k1=2)
    assert trace.evict(3) == [1, 3, 2]


def test_lcbfu_entries_that_skipped_nothing_leave_oldest_first() -> None:
    assert lcbfu_trace().admit(1, 2, 3).hit(2).evict(3) == [1, 3, 2]


def test_lcbfu_counts_partial_steps_for_what_they_skip_and_copies_for_all() -> None:
    trace = lcbfu_trace().admit(1, 2, 3)
    regional = Regional(
        donor=1, similarity=0.9, k1=2, k2=8, active_share=0.5, amplification=1, reason=""
    )
    trace.part.hit(entry(1), regional, 0.0)  # 2 + 6 x 0.5 = 5
    trace.hit(2, k1=6)
    trace.part.hit(entry(3), Copy(donor=3), 0.0)  # 10
    assert trace.evict(3) == [1, 2, 3]


def test_a_pinned_entry_is_passed_over_and_keeps_its_place() -> None:
    for trace in (aged_trace(), gdsf_trace(), lcbfu_trace()):
        trace.admit(1, 2, 3)
        assert trace.evict(pinned=(1,)) == [2]
        assert trace.evict(2) == [1, 3]


def test_the_configs_are_what_a_file_can_say() -> None:
    assert msgspec.convert({"cost": "saved"}, gdsf.Config).cost == "saved"
    assert query(1).steps == 10
