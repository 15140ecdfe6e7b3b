"""FIFO by hand."""

import random

from chorus_policies.entry import Entry
from chorus_policies.eviction.fifo import Config, Fifo
from chorus_policies.parts import Setting
from chorus_policies.plan import Resume


class Trace:
    """Writes a short trace down: admit, hit, evict; a key is the entry's number."""

    def __init__(self, capacity_bytes: int = 10, config: Config | None = None) -> None:
        setting = Setting(capacity_bytes=capacity_bytes, chance=random.Random(0))  # noqa: S311
        self.part = Fifo(config or Config(), setting)

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


def test_entries_leave_in_the_order_they_came() -> None:
    assert Trace().admit(3, 1, 2).evict(3) == [3, 1, 2]


def test_a_hit_changes_nothing() -> None:
    assert Trace().admit(1, 2, 3).hit(1, 1, 2).evict(3) == [1, 2, 3]


def test_a_pinned_entry_is_passed_over_and_keeps_its_place() -> None:
    trace = Trace().admit(1, 2, 3)
    assert trace.evict(pinned=(1,)) == [2]
    assert trace.evict(2) == [1, 3]


def test_an_entry_admitted_again_is_the_youngest() -> None:
    trace = Trace().admit(1, 2)
    trace.part.removed(1, 0.0)
    assert trace.admit(1).evict(2) == [2, 1]
