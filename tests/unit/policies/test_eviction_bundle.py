"""Bundle: what leaves makes enough room, at the least loss."""

import random
from typing import Any

import pytest
from unit.policies.hand_trace import entry, query, resume

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES
from chorus_policies.eviction.bundle import Bundle, Config
from chorus_policies.explain import explain_policy
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.parts import Option, RoomMaker, Setting
from chorus_policies.plan import Fresh
from chorus_policies.policy import load_policy
from chorus_policies.tier import TierSpec


def make(*sizes: int, trims: bool = False) -> Bundle:
    """Return a bundle with entries 1, 2, ... of these sizes, the first the longest unused."""
    chance = random.Random(0)  # noqa: S311
    part = Bundle(Config(), Setting(capacity_bytes=0, chance=chance, trims=trims))
    for key, size_bytes in enumerate(sizes, 1):
        part.admitted(entry(key, size_bytes=size_bytes), 0.0)
    return part


def asked(part: Bundle, short_bytes: int, *pinned: int) -> int:
    part.short_of(short_bytes)
    return part.victim(pinned, 0.0)


def test_one_entry_large_enough_leaves_instead_of_two_that_are_cheaper_per_byte() -> None:
    # Unused for 3, 2 and 1 requests, so worth 1/3, 1/2 and 1 seconds. Per byte entry 1 is cheapest
    # (0.0056), then 2 (0.0063). Of 75 bytes 1 frees too few: it would go with 2, and 2 is enough.
    assert asked(make(60, 80, 80), 75) == 2


def test_an_entry_that_makes_enough_room_alone_leaves_alone() -> None:
    part = make(100, 100)
    assert asked(part, 95) == 1
    assert asked(part, 95, 1) == 2


def test_pieces_that_are_not_needed_in_the_end_stay() -> None:
    # Ages 3, 2 and 1, so per byte the order is 2 (0.0083), 1 (0.011), 3 (0.017). Of 115 bytes 2 and
    # 1 free 90, so 3 is needed, and 1 is then in excess.
    part = make(30, 60, 60)
    assert asked(part, 115) == 2
    part.removed(2, 0.0)
    assert asked(part, 55) == 3


def test_the_longest_unused_leaves_first_among_equals_and_a_hit_makes_it_the_last() -> None:
    part = make(100, 100, 100)
    part.watched(query(9), resume(1), iter([Option(entry(1, 100), 0.96, 20.0)]), 0.0)
    part.hit(entry(1, size_bytes=100), resume(1), 0.0)
    gone = []
    for _ in range(3):
        gone.append(asked(part, 100))
        assert part.victim((), 0.0) == gone[-1]
        part.removed(gone[-1], 0.0)
    assert gone == [2, 3, 1]


@pytest.mark.parametrize(("short_bytes", "victim"), [(1, 1), (75, 1), (95, 2), (110, 1)])
def test_the_bytes_that_are_short_decide(short_bytes: int, victim: int) -> None:
    # Ages 4, 3, 2 and 1, so 1/4, 1/3, 1/2 and 1 seconds. Entry 1 is cheapest per byte and enough
    # for 75 bytes; of 95 it frees too few and entry 2 enough; for 110 two have to go, 1 and 2.
    assert asked(make(80, 100, 100, 80), short_bytes) == victim


def windows() -> Bundle:
    """Two entries of a window of 90 bytes and a core of 70; 95 bytes were short, so one is trimmed.

    A window and a core are worth the same a request of age, r: the windows of 1 and 2 are to go.
    """
    part = make(trims=True)
    for key in (1, 2):
        whole = entry(key, size_bytes=160, first_step=1, last_step=5, core_bytes=70)
        part.admitted(whole, 0.0)
    assert asked(part, 95) == 1
    assert part.trims(1, 0.0)
    part.trimmed(entry(1, size_bytes=70, core_bytes=70), 0.0)
    assert not part.trims(1, 0.0)
    return part


def test_a_bundle_is_carried_out_though_what_was_trimmed_has_become_cheaper() -> None:
    # The core of 1 costs r / 2 for 70 bytes, the window of 2 costs r for 90.
    part = windows()
    assert asked(part, 5) == 2
    assert part.trims(2, 0.0)


def test_a_bundle_is_given_up_when_something_else_happens() -> None:
    assert asked(windows(), 6) == 1
    assert asked(windows(), 5, 2) == 1
    part = windows()
    part.hit(entry(2, size_bytes=160), resume(2), 0.0)
    assert asked(part, 5) == 1
    part = windows()
    part.removed(2, 0.0)
    assert asked(part, 5) == 1
    part = windows()
    part.admitted(entry(3, size_bytes=160, first_step=1, last_step=5, core_bytes=70), 0.0)
    assert asked(part, 5) == 1


def test_the_tier_tells_how_many_bytes_must_still_leave() -> None:
    tier = TierSpec(name="host", capacity_bytes=3 * OVERHEAD_BYTES + 50)
    cache = Cache(load_policy("bundle"), (tier,), MatrixIndex(), Journal())
    part: Any = cache._tiers[0].eviction
    assert isinstance(part, RoomMaker)
    told: list[int] = []
    tell = part.short_of

    def heard(short_bytes: int) -> None:
        told.append(short_bytes)
        tell(short_bytes)

    part.short_of = heard
    for sequence, result_bytes in enumerate([10, 10, 25, 30]):
        made = query(sequence, latent_bytes=0, result_bytes=result_bytes, embedding=[1.0, 0.0])
        cache.store(made, Fresh(reason="test"), 1.0, float(sequence))
    # Beside the overhead 45 of 50 bytes are taken when 30 come. The first to go frees 10.
    assert told == [OVERHEAD_BYTES + 25, 15]
    assert sorted(cache._entries) == [2, 3]


def test_an_explained_policy_describes_bundle_though_its_numbers_are_those_of_worth() -> None:
    text = explain_policy(load_policy("adaptive"))
    assert "# Evict the bundle of pieces that loses least and makes enough room" in text
    assert "Evict what would lose the fewest GPU-seconds per byte" not in text
