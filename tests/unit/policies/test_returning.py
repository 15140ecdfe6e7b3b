"""What is remembered of an entry that left, for an identical request that comes later."""

import msgspec
import pytest
from unit.policies.hand_trace import entry, resume

from chorus_policies.entry import Entry
from chorus_policies.eviction import returning
from chorus_policies.eviction.pieces import MOST_USES, Config, Pieces
from chorus_policies.eviction.returning import Returning
from chorus_policies.parts import Setting


def named(key: int, identity: str | None = "same", namespace: str = "n") -> Entry:
    return msgspec.structs.replace(entry(key), identity=identity, namespace=namespace)


def uses_of_second(first: Entry, second: Entry, hits: int) -> int:
    pieces = Pieces(Config(), Setting(capacity_bytes=0, chance=None))
    pieces.admitted(first, 0.0)
    for _ in range(hits):
        pieces.hit(first, resume(first.key), 0.0)
    pieces.removed(first.key, 0.0)
    pieces.admitted(second, 0.0)
    return pieces._pieces[second.key].kind.uses


@pytest.mark.parametrize(("hits", "uses"), [(0, 2), (2, 4), (20, MOST_USES)])
def test_an_identical_one_begins_with_the_uses_of_the_one_that_left(hits: int, uses: int) -> None:
    assert uses_of_second(named(1), named(2), hits) == uses


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (named(1), named(2, "other")),
        (named(1), named(2, namespace="m")),
        (named(1, None), named(2, None)),
        (named(1), named(2, None)),
    ],
)
def test_others_begin_as_unknown(first: Entry, second: Entry) -> None:
    assert uses_of_second(first, second, 3) == 1


def test_it_is_told_once_and_the_last_that_left_counts() -> None:
    known = Returning()
    known.goes(("n", "a"), 5)
    known.goes(("n", "a"), 2)
    assert known.comes(("n", "a")) == 2
    assert known.comes(("n", "a")) == 0


def test_the_last_that_left_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returning, "MOST_GONE", 3)
    known = Returning()
    for number in range(1, 5):
        known.goes(("n", str(number)), number)
    known.goes(None, 9)
    assert [known.comes(("n", str(number))) for number in range(1, 5)] == [0, 2, 3, 4]
    # Those that came back meanwhile do not make the others known longer.
    for number in range(1, 4):
        known.goes(("n", str(number)), number)
    assert known.comes(("n", "2")) == 2
    known.goes(("n", "4"), 4)
    assert [known.comes(("n", str(number))) for number in range(1, 5)] == [0, 0, 3, 4]
