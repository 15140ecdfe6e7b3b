"""Pieces: which can leave next, class by class."""

import random

from unit.policies.hand_trace import entry, resume

from chorus_policies.entry import Entry
from chorus_policies.eviction.pieces import MOST_USES, Config, Pieces
from chorus_policies.eviction.standing import BEHIND
from chorus_policies.parts import Setting


def whole(key: int, size_bytes: int = 160, *, donor: int | None = None) -> Entry:
    """Return an entry of a window and a core of 70 bytes."""
    return entry(
        key,
        size_bytes=size_bytes,
        first_step=1,
        last_step=5,
        core_bytes=70,
        donor=donor,
        donor_similarity=0.0 if donor is None else 0.95,
    )


def make(*entries: Entry) -> Pieces:
    chance = random.Random(0)  # noqa: S311
    pieces = Pieces(Config(), Setting(capacity_bytes=0, chance=chance, trims=True))
    for one in entries:
        pieces.admitted(one, 0.0)
    return pieces


def heads(pieces: Pieces, *pinned: int) -> list[tuple[int, int]]:
    """Return key and bytes of each head, in the order of classes."""
    return [(piece.key, piece.freed_bytes) for _, _, _, piece in pieces.heads(pinned)]


def test_the_head_of_a_class_is_its_longest_unused_that_is_not_pinned() -> None:
    pieces = make(whole(1), whole(2), whole(3), whole(4, 500), whole(5, 500))
    assert heads(pieces) == [(1, 90), (4, 430)]
    assert heads(pieces, 1, 2, 4, 5) == [(3, 90)]
    assert heads(pieces, 1, 2, 3) == [(4, 430)]


def test_a_head_is_worth_its_class_over_the_requests_it_was_unused_for() -> None:
    pieces = make(whole(1), whole(2, 500), whole(3))
    (price, place, rate, piece), (other, next_place, _, _) = pieces.heads(())
    assert (place, next_place) == (0, 1)
    assert rate == 1.0
    assert price == rate / (pieces.clock + 1 - piece.unused_since) / 90 == 1 / 3 / 90
    assert other == 1 / 2 / 430


def test_what_is_trimmed_or_hit_becomes_the_most_recent_of_those_used_as_often() -> None:
    pieces = make(whole(1), whole(2), whole(3), whole(4))
    pieces.trimmed(entry(2, size_bytes=70, core_bytes=70), 0.0)
    pieces.trimmed(entry(1, size_bytes=70, core_bytes=70), 0.0)
    assert pieces.trims(3, 0.0)
    assert not pieces.trims(1, 0.0)
    assert heads(pieces) == [(3, 90), (2, 70)]
    pieces.hit(whole(3), resume(3), 0.0)
    assert heads(pieces) == [(4, 90), (2, 70), (3, 90)]
    pieces.hit(whole(4), resume(4), 0.0)
    assert heads(pieces) == [(2, 70), (3, 90)]
    assert heads(pieces, 3) == [(2, 70), (4, 90)]


def test_what_a_near_identical_one_superseded_is_a_class_apart() -> None:
    pieces = make(whole(1), whole(2), whole(3))
    pieces.admitted(whole(4, donor=2), 0.0)
    assert heads(pieces) == [(1, 90), (2, 90)]
    assert heads(pieces, 1) == [(3, 90), (2, 90)]
    pieces.trimmed(entry(2, size_bytes=70, core_bytes=70), 0.0)
    (_, superseded) = pieces.heads(())
    kind = superseded[3].kind
    assert (superseded[3].key, kind.name, kind.standing) == (2, "core", BEHIND)


def test_uses_beyond_the_most_that_count_change_the_order_alone() -> None:
    pieces = make(whole(1), whole(2))
    for key in (1, 2):
        for _ in range(MOST_USES + 2):
            pieces.hit(whole(key), resume(key), 0.0)
    ((_, _, _, piece),) = pieces.heads(())
    assert (piece.key, piece.kind.uses) == (1, MOST_USES)
    pieces.hit(whole(1), resume(1), 0.0)
    assert heads(pieces) == [(2, 90)]


def test_an_entry_that_takes_the_place_of_one_that_left_has_nothing_of_it() -> None:
    pieces = make(whole(1), whole(2), whole(3))
    pieces.admitted(whole(4, donor=2), 0.0)
    pieces.trimmed(entry(1, size_bytes=70, core_bytes=70), 0.0)
    for key in (2, 1):
        pieces.removed(key, 0.0)
    for key in (5, 6):
        pieces.admitted(whole(key), 0.0)
    gone = []
    while left := heads(pieces):
        assert len(left) == 1
        gone += left
        pieces.removed(left[0][0], 0.0)
    assert gone == [(key, 90) for key in (3, 4, 5, 6)]
