"""Bundle: what leaves makes enough room, at the least loss."""

import random

import pytest
from unit.policies.hand_trace import entry, query, resume

from chorus_policies.eviction.bundle import Bundle, Config
from chorus_policies.parts import Option, Setting


def make(capacity_bytes: int, memory: float = 1000.0, *, trims: bool = False) -> Bundle:
    chance = random.Random(0)  # noqa: S311
    setting = Setting(capacity_bytes=capacity_bytes, chance=chance, trims=trims)
    return Bundle(Config(memory=memory), setting)


def test_one_entry_large_enough_leaves_instead_of_two_that_are_cheaper_per_byte() -> None:
    # Unused for 3, 2 and 1 requests, so worth 1/3, 1/2 and 1 seconds. Per byte entry 1 is cheapest
    # (0.0056), then 2 (0.0063). 75 bytes must leave: 1 would have to go with 2, and 2 is enough.
    part = make(capacity_bytes=225)
    part.admitted(entry(1, size_bytes=60), 0.0)
    part.admitted(entry(2, size_bytes=80), 0.0)
    part.admitted(entry(3, size_bytes=80), 0.0)
    assert part.victim((), 0.0) == 2


def test_an_entry_that_makes_enough_room_alone_leaves_alone() -> None:
    # 95 bytes must leave and 100 are the likely newcomer: either does, and 1 is the longer unused.
    part = make(capacity_bytes=205)
    part.admitted(entry(1, size_bytes=100), 0.0)
    part.admitted(entry(2, size_bytes=100), 0.0)
    assert part.victim((), 0.0) == 1
    assert part.victim((1,), 0.0) == 2


def test_pieces_that_are_not_needed_in_the_end_stay() -> None:
    # Per byte the order is 1, 2 (ages 3 and 2 at 40 and 30 bytes), 3 (age 1 at 100 bytes). The
    # newcomer is foreseen at 100 bytes (seen twice) with 5 free, so 95 must leave: 1 and 2 free 70,
    # 3 is needed and 1 and 2 are then in excess.
    part = make(capacity_bytes=175)
    part.admitted(entry(9, size_bytes=100), 0.0)
    part.removed(9, 0.0)
    part.admitted(entry(1, size_bytes=40), 0.0)
    part.admitted(entry(2, size_bytes=30), 0.0)
    part.admitted(entry(3, size_bytes=100), 0.0)
    assert part.victim((), 0.0) == 3
    part.removed(3, 0.0)
    assert part.victim((), 0.0) == 1


def test_the_longest_unused_leaves_first_among_equals_and_a_hit_makes_it_the_last() -> None:
    part = make(capacity_bytes=300)
    for key in (1, 2, 3):
        part.admitted(entry(key, size_bytes=100), 0.0)
    part.watched(query(9), resume(1), iter([Option(entry(1, 100), 0.96, 20.0)]), 0.0)
    part.hit(entry(1, size_bytes=100), resume(1), 0.0)
    gone = []
    for _ in range(3):
        gone.append(part.victim((), 0.0))
        assert part.victim((), 0.0) == gone[-1]
        part.removed(gone[-1], 0.0)
    assert gone == [2, 3, 1]


@pytest.mark.parametrize(("memory", "victim"), [(1.0, 1), (1000.0, 2)])
def test_newcomers_are_foreseen_at_the_size_of_recent_ones(memory: float, victim: int) -> None:
    # Ages 4, 3, 2, 1, so 1/4, 1/3, 1/2 and 1 seconds. Remembering only the last size, 80 bytes with
    # 5 free, 75 must leave: entry 1 is cheapest per byte and enough. Remembering all, 80 and 100
    # are as frequent and the larger counts: of the 95 entry 1 frees too few, entry 2 enough.
    part = make(capacity_bytes=365, memory=memory)
    for key, size_bytes in ((1, 80), (2, 100), (3, 100), (4, 80)):
        part.admitted(entry(key, size_bytes=size_bytes), 0.0)
    assert part.victim((), 0.0) == victim


def test_what_was_trimmed_counts_as_free() -> None:
    part = make(capacity_bytes=200, trims=True)
    whole = {"first_step": 1, "last_step": 5, "core_bytes": 10}
    part.admitted(entry(1, size_bytes=100, **whole), 0.0)
    part.admitted(entry(2, size_bytes=100, **whole), 0.0)
    assert part.victim((), 0.0) == 1
    assert part.trims(1, 0.0)
    part.trimmed(entry(1, size_bytes=10, core_bytes=10), 0.0)
    assert not part.trims(1, 0.0)
    # 110 of 200 bytes are taken, so 10 must leave. A window and a core are worth the same a
    # request of age, r: the core of 1 costs r / 2; the window of 2 costs r and frees 80 bytes more,
    # which are worth r x 80 / 90.
    assert part.victim((), 0.0) == 2
    assert part.trims(2, 0.0)
