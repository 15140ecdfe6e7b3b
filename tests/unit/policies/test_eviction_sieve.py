"""SIEVE by hand."""

import random

from chorus_policies.entry import Entry
from chorus_policies.eviction.sieve import Config, Sieve
from chorus_policies.parts import Setting
from chorus_policies.plan import Resume


class Trace:
    """Writes a short trace down: admit, hit, evict; a key is the entry's number."""

    def __init__(self, capacity_bytes: int = 10, config: Config | None = None) -> None:
        setting = Setting(capacity_bytes=capacity_bytes, chance=random.Random(0))  # noqa: S311
        self.part = Sieve(config or Config(), setting)

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


def test_without_hits_entries_leave_in_the_order_they_came() -> None:
    assert Trace().admit(3, 1, 2).evict(3) == [3, 1, 2]


def test_a_reused_entry_is_spared_once_and_stays_where_it_is() -> None:
    trace = Trace().admit(1, 2, 3).hit(1)
    assert trace.evict() == [2]
    # The hand stands on 3; 4 comes in ahead of it, 1 is met only after the hand went round.
    assert trace.admit(4).evict(3) == [3, 4, 1]


def test_two_hits_spare_an_entry_no_longer_than_one() -> None:
    assert Trace().admit(1, 2).hit(1, 1, 1).evict(2) == [2, 1]


def test_the_hand_goes_round_when_every_entry_was_reused() -> None:
    assert Trace().admit(1, 2, 3).hit(3, 2, 1).evict(3) == [1, 2, 3]


def test_a_hand_that_ran_past_the_newest_entry_starts_with_the_oldest() -> None:
    trace = Trace().admit(1, 2).hit(1)
    assert trace.evict() == [2]
    # Without the resting place past the end, the hand would stand on 3.
    assert trace.admit(3).evict(2) == [1, 3]


def test_a_hand_that_sweeps_towards_new_entries_leaves_the_old_reused_ones_alone() -> None:
    a, b, c, d, e, f, g, h, i, j = range(1, 11)
    trace = Trace().admit(a, b, c, d, e, f, g).hit(a, b, g)
    assert trace.admit(h).evict() == [c]
    assert trace.hit(a, d).admit(i).evict() == [e]
    assert trace.hit(b).admit(j).evict() == [f]
    assert trace.evict(3) == [h, i, j]


def test_a_hit_on_the_named_victim_spares_it() -> None:
    trace = Trace().admit(1, 2)
    assert trace.part.victim((), 0.0) == 1
    assert trace.hit(1).evict(2) == [2, 1]


def test_a_pinned_entry_is_passed_over_and_keeps_its_mark() -> None:
    trace = Trace().admit(1, 2, 3).hit(1)
    assert trace.evict(pinned=(1, 2)) == [3]
    assert trace.evict(2) == [2, 1]


def test_the_hand_moves_on_when_its_entry_is_removed() -> None:
    trace = Trace().admit(1, 2, 3, 4).hit(1)
    assert trace.part.victim((), 0.0) == 2
    trace.part.removed(2, 0.0)
    assert trace.evict(3) == [3, 4, 1]
