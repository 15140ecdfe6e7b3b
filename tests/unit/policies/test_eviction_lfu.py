"""LFU by hand."""

import random

from chorus_policies.entry import Entry
from chorus_policies.eviction.lfu import Config, Lfu
from chorus_policies.parts import Setting
from chorus_policies.plan import Resume


class Trace:
    """Writes a short trace down: admit, hit, evict; a key is the entry's number."""

    def __init__(self, capacity_bytes: int = 10, config: Config | None = None) -> None:
        setting = Setting(capacity_bytes=capacity_bytes, chance=random.Random(0))  # noqa: S311
        self.part = Lfu(config or Config(), setting)

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


def test_the_entry_with_fewest_hits_leaves_first() -> None:
    assert Trace().admit(1, 2, 3).hit(1, 1, 3).evict(3) == [2, 3, 1]


def test_equal_entries_leave_in_the_order_they_reached_their_frequency() -> None:
    assert Trace().admit(1, 2, 3).hit(3, 1, 2).evict(3) == [3, 1, 2]


def test_a_new_entry_leaves_before_any_that_was_hit() -> None:
    assert Trace().admit(1, 2).hit(1, 2).admit(3).evict(3) == [3, 1, 2]


def test_a_frequency_between_two_others_is_found_again_after_it_was_empty() -> None:
    trace = Trace().admit(1, 2, 3).hit(1, 2, 1, 2, 1)
    # 1 has three hits, 2 has two, 3 none; 3 climbs through the empty frequency 1.
    trace.hit(3)
    assert trace.evict() == [3]
    assert trace.admit(4).hit(4, 4).evict(3) == [2, 4, 1]


def test_a_pinned_entry_is_passed_over_into_higher_frequencies_and_keeps_its_place() -> None:
    trace = Trace().admit(1, 2, 3).hit(2, 3, 3)
    assert trace.evict(pinned=(1,)) == [2]
    assert trace.evict(pinned=(1,)) == [3]
    assert trace.evict() == [1]


def test_the_count_of_a_removed_entry_is_forgotten() -> None:
    trace = Trace().admit(1, 2).hit(1, 1, 2)
    trace.part.removed(1, 0.0)
    assert trace.admit(1).evict(2) == [1, 2]
