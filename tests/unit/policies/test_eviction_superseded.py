"""Superseded: an entry that a newer one covers leaves first, the rest by last use."""

import msgspec
import pytest
from unit.policies.hand_trace import Scripted, entry, resume

from chorus_policies.eviction.superseded import Config, Superseded
from chorus_policies.parts import Setting


def make() -> Superseded:
    return Superseded(msgspec.convert({}, Config), Setting(capacity_bytes=10, chance=Scripted()))


def gone(part: Superseded, count: int, pinned: tuple[int, ...] = ()) -> list[int]:
    keys = []
    for _ in range(count):
        keys.append(part.victim(pinned, 0.0))
        part.removed(keys[-1], 0.0)
    return keys


@pytest.mark.parametrize(
    ("first_step", "similarity", "order"),
    [
        (5, 0.9, [2, 1, 3]),  # keeps every step its donor keeps
        (4, 0.95, [2, 1, 3]),  # and more
        (6, 0.95, [1, 2, 3]),  # lacks a step
        (5, 0.89, [1, 2, 3]),  # is not alike enough
    ],
)
def test_a_donor_that_its_successor_covers_leaves_first(first_step, similarity, order) -> None:
    part = make()
    for key in (1, 2):
        part.admitted(entry(key, first_step=5), 0.0)
    successor = entry(3, first_step=first_step, donor=2, donor_similarity=similarity)
    part.admitted(successor, 0.0)
    assert gone(part, 3) == order


def test_a_hit_saves_the_least_recently_used_and_no_redundant_one() -> None:
    part = make()
    for key in (1, 2, 3):
        part.admitted(entry(key, first_step=5), 0.0)
    part.admitted(entry(4, first_step=5, donor=3, donor_similarity=1.0), 0.0)
    for key in (1, 3):
        part.hit(entry(key, first_step=5), resume(key), 0.0)
    assert gone(part, 1, pinned=(3,)) == [2]
    assert gone(part, 3) == [3, 4, 1]


def test_redundant_entries_leave_in_the_order_they_became_so() -> None:
    part = make()
    for key in (1, 2):
        part.admitted(entry(key, first_step=5), 0.0)
    for key, donor in ((3, 2), (4, 1)):
        part.admitted(entry(key, first_step=5, donor=donor, donor_similarity=1.0), 0.0)
    assert gone(part, 4) == [2, 1, 3, 4]


def test_a_donor_that_has_left_is_nobodys_business() -> None:
    part = make()
    part.admitted(entry(1, first_step=5), 0.0)
    part.removed(1, 0.0)
    part.admitted(entry(2, first_step=5, donor=1, donor_similarity=1.0), 0.0)
    assert gone(part, 1) == [2]
