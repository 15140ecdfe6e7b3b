"""S3-FIFO by hand."""

import random

from chorus_policies.entry import Entry
from chorus_policies.eviction.s3fifo import Config, S3Fifo
from chorus_policies.parts import Setting
from chorus_policies.plan import Resume


class Trace:
    """Writes a short trace down: admit, hit, evict; a key is the entry's number."""

    def __init__(self, capacity_bytes: int = 10, config: Config | None = None) -> None:
        setting = Setting(capacity_bytes=capacity_bytes, chance=random.Random(0))  # noqa: S311
        self.part = S3Fifo(config or Config(), setting)

    def admit(self, *keys: int, identity: str | None = None, size_bytes: int = 1) -> "Trace":
        for key in keys:
            self.part.admitted(entry(key, identity, size_bytes), 0.0)
        return self

    def hit(self, *keys: int) -> "Trace":
        for key in keys:
            plan = Resume(donor=key, similarity=1.0, k1=1, reason="trace")
            self.part.hit(entry(key), plan, 0.0)
        return self

    def evict(self, count: int = 1, pinned: tuple[int, ...] = ()) -> list[int]:
        gone = []
        for _ in range(count):
            gone.append(self.part.victim(pinned, 0.0))
            self.part.removed(gone[-1], 0.0)
        return gone


def entry(key: int, identity: str | None = None, size_bytes: int = 1) -> Entry:
    return Entry(
        key=key,
        namespace="one",
        identity=identity,
        size_bytes=size_bytes,
        steps=10,
        first_step=1,
        last_step=0,
        exact=True,
        donor=None,
        donor_similarity=0.0,
        cost_s=1.0,
    )


def full(capacity_bytes: int = 10) -> Trace:
    """Ten entries: 0 in the small queue, the rest in the main queue as the cache was not full."""
    return Trace(capacity_bytes).admit(*range(10))


def test_until_the_first_eviction_a_full_small_queue_sends_new_entries_to_the_main_queue() -> None:
    # Of ten bytes the small queue takes one. New ones come to it once something had to leave.
    trace = full()
    assert trace.evict() == [0]
    assert trace.admit(10).evict() == [10]
    assert trace.admit(11).evict() == [11]


def test_an_entry_without_two_hits_leaves_from_the_small_queue() -> None:
    assert full().hit(0).evict() == [0]


def test_an_entry_with_two_hits_moves_to_the_main_queue_with_its_count_at_zero() -> None:
    trace = full().hit(0, 0)
    # The small queue is empty, so the oldest of the main queue goes; 0 comes last.
    assert trace.evict(10) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


def test_a_reused_entry_of_the_main_queue_gets_a_round_for_each_hit_up_to_three() -> None:
    trace = full().hit(1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4)
    assert trace.evict() == [0]
    assert trace.evict(9) == [5, 6, 7, 8, 9, 1, 2, 3, 4]


def test_an_identical_request_that_returns_goes_straight_to_the_main_queue() -> None:
    trace = full()
    assert trace.evict() == [0]
    assert trace.admit(10, identity="seen").evict() == [10]
    # With 11 the main queue is over its share and gives its oldest; 12 finds it within again.
    assert trace.admit(11, identity="seen").evict() == [1]
    assert trace.admit(12).evict() == [12]


def test_a_ghost_serves_once() -> None:
    trace = full()
    trace.evict()
    trace.admit(10, identity="seen").evict()
    assert trace.admit(11, identity="seen").evict() == [1]  # the main queue is over its share
    assert trace.admit(12, identity="seen").evict() == [12]


def test_a_request_without_identity_leaves_no_ghost() -> None:
    trace = full()
    trace.evict()
    trace.admit(10).evict()
    assert trace.admit(11).evict() == [11]


def test_ghosts_beyond_their_share_are_forgotten_oldest_first() -> None:
    trace = full()
    trace.evict()
    for number in range(11):  # nine bytes are for ghosts, and the last is not counted yet
        trace.admit(100 + number, identity=f"ghost {number}").evict()
    trace.admit(200, identity="ghost 0")
    assert trace.evict() == [200]
    trace.admit(201, identity="ghost 10")
    assert trace.evict() == [1]


def test_making_room_for_an_entry_does_not_cost_it_its_own_ghost() -> None:
    trace = full()
    trace.evict()
    for number in range(9):
        trace.admit(100 + number, identity=f"ghost {number}").evict()
    trace.admit(150, identity="new").evict()  # room for ghost 0, which returns now
    trace.admit(200, identity="ghost 0")
    assert trace.evict() == [1]


def test_entries_count_by_their_bytes() -> None:
    trace = Trace(100).admit(1, size_bytes=10).admit(2, 3, size_bytes=45)
    # 1 fills the small queue, so 2 and 3 lie in the main queue, which has just its share of 90.
    assert trace.evict() == [1]
    assert trace.admit(4, size_bytes=10).evict(3) == [4, 2, 3]


def test_a_named_victim_stays_the_victim_until_it_is_hit() -> None:
    trace = full().hit(0, 0)
    assert trace.part.victim((), 0.0) == 1
    assert trace.admit(10).part.victim((), 0.0) == 1
    assert trace.hit(1).evict() == [2]


def test_a_pinned_entry_is_passed_over_and_keeps_its_place() -> None:
    trace = full()
    assert trace.evict(pinned=(0, 1)) == [2]
    assert trace.evict(2) == [0, 1]


def test_with_the_main_queue_pinned_the_small_one_gives_and_the_other_way_round() -> None:
    trace = full()
    assert trace.evict(pinned=tuple(range(1, 10))) == [0]
    assert trace.admit(10).evict(pinned=(10, *range(2, 10))) == [1]
    assert trace.hit(10, 10).evict(pinned=tuple(range(2, 10))) == [10]


def test_an_operators_removal_is_forgotten_from_either_queue() -> None:
    trace = full()
    for key in (0, 5):
        trace.part.removed(key, 0.0)
    assert trace.evict(8) == [1, 2, 3, 4, 6, 7, 8, 9]
