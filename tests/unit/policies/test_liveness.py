"""What it means that the user of an entry has gone on, and up to what age."""

import pytest

from chorus_policies.entry import Entry
from chorus_policies.eviction.bundle import Bundle
from chorus_policies.eviction.liveness import EVERY, NEVER, Liveness
from chorus_policies.eviction.worth import Config, Worth
from chorus_policies.parts import Setting


def entry_of(key: int, user: str | None, namespace: str = "n") -> Entry:
    return Entry(
        key=key,
        namespace=namespace,
        identity=None,
        size_bytes=100,
        core_bytes=100,
        steps=10,
        first_step=1,
        last_step=0,
        exact=True,
        donor=None,
        donor_similarity=0.0,
        cost_s=1.0,
        user=user,
    )


def fed(early: tuple[bool, bool], late: tuple[bool, bool], rounds: int = 400) -> Liveness:
    """Entries used or not at the age of 2 and of 40: first those with their user, then the rest."""
    liveness = Liveness(keep=0.999)
    for _ in range(rounds):
        for behind in (False, True):
            liveness.learn(behind, 1, 2, early[behind])
            liveness.learn(behind, 2, 40, late[behind])
    return liveness


def test_without_evidence_it_always_counts() -> None:
    assert Liveness(0.999).alike_from == NEVER
    assert fed((True, False), (True, False), rounds=EVERY // 4 - 1).alike_from == NEVER


def test_where_those_left_behind_are_used_less_at_every_age_it_always_counts() -> None:
    assert fed((True, False), (True, False)).alike_from == NEVER


def test_from_the_age_at_which_they_are_used_as_often_it_counts_no_more() -> None:
    # An age of 40 lies in the octave from 32 on; nothing was used between 4 and 31.
    assert fed((True, False), (True, True)).alike_from == 4
    assert fed((True, True), (True, True)).alike_from == 1


@pytest.mark.parametrize("part", [Worth, Bundle])
def test_an_entry_whose_user_has_made_another_leaves_first(part: type) -> None:
    eviction = part(Config(), Setting(capacity_bytes=1000, chance=None))
    # Who stays with an entry uses it again; what was left behind nobody does.
    for key in range(0, 600, 3):
        left, stayed, stranger = key, key + 1, key + 2
        eviction.admitted(entry_of(left, f"u{key}"), float(key))
        eviction.admitted(entry_of(stayed, f"u{key}"), float(key))
        eviction.admitted(entry_of(stranger, None), float(key))
        eviction._pieces._gain = (5.0, 5.0)
        eviction.hit(entry_of(stayed, f"u{key}"), None, float(key))
        eviction._pieces._gain = (0.0, 0.0)
        for gone in (left, stayed, stranger):
            eviction.removed(gone, float(key))
    eviction.admitted(entry_of(1000, "stays"), 1000.0)
    eviction.admitted(entry_of(1001, "goes"), 1001.0)
    eviction.admitted(entry_of(1002, "goes"), 1002.0)
    assert eviction.victim((), 1003.0) == 1001
