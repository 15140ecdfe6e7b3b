"""Worth: pieces leave in the order of what would be lost per byte."""

import random

import msgspec
import pytest

from chorus_policies.entry import Entry, Query
from chorus_policies.eviction.worth import Config, Worth
from chorus_policies.parts import Option, Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume

MIB = 2**20


def make(*, trims: bool = False) -> Worth:
    chance = random.Random(0)  # noqa: S311
    return Worth(Config(), Setting(capacity_bytes=0, chance=chance, trims=trims))


def entry(key: int, *, size: int = 100, donor: int | None = None, alike: float = 0.0) -> Entry:
    return Entry(
        key=key,
        namespace="one",
        identity=None,
        size_bytes=size * MIB,
        steps=50,
        first_step=10,
        last_step=40,
        exact=donor is None,
        donor=donor,
        donor_similarity=alike,
        cost_s=60.0,
        core_bytes=7 * MIB,
    )


def query() -> Query:
    return Query(
        sequence=99, namespace="one", identity=None, steps=50, latent_bytes=1, result_bytes=1
    )


def serve(part: Worth, one: Entry, plan: Plan, *options: Option) -> None:
    part.watched(query(), plan, iter(options), 0.0)
    part.hit(one, plan, 0.0)


def resumed(key: int, k1: int = 20) -> Resume:
    return Resume(donor=key, similarity=0.96, k1=k1, reason="test")


def test_without_experience_the_longest_unused_leaves_first() -> None:
    part = make()
    for key in (1, 2, 3):
        part.admitted(entry(key), 0.0)
    assert part.victim((), 0.0) == 1
    assert part.victim((1,), 0.0) == 2
    serve(part, entry(1), resumed(1), Option(entry(1), 0.96, 20.0))
    assert part.victim((), 0.0) == 2


def test_a_superseded_piece_leaves_before_an_older_one_once_that_has_paid() -> None:
    part = make(trims=True)
    for key in range(0, 60, 2):
        part.admitted(entry(key), 0.0)
        serve(part, entry(key), resumed(key), Option(entry(key), 0.96, 30.0))
        part.admitted(entry(key + 1, donor=key, alike=0.97), 0.0)
        serve(part, entry(key + 1), resumed(key + 1), Option(entry(key + 1), 0.96, 30.0))
    for key in range(60):
        core = msgspec.structs.replace(entry(key), size_bytes=7 * MIB, first_step=1, last_step=0)
        part.trimmed(core, 0.0)
    left = []
    for _ in range(20):
        key = part.victim((), 0.0)
        part.removed(key, 0.0)
        left.append(key)
    assert set(left) <= set(range(0, 60, 2))
    assert left == sorted(left)


def test_among_whole_entries_the_superseded_one_is_as_any_other() -> None:
    orders = []
    for donor in (2, None):
        part = make()
        for key in (1, 2):
            part.admitted(entry(key), 0.0)
        serve(part, entry(2), resumed(2), Option(entry(2), 0.96, 30.0))
        part.admitted(entry(3, donor=donor, alike=0.97), 0.0)
        order = []
        while len(order) < 3:
            order.append(part.victim((), 0.0))
            part.removed(order[-1], 0.0)
        orders.append(order)
    assert orders == [[1, 2, 3], [1, 2, 3]]


def test_a_copy_saves_what_made_the_entry_watched_or_not() -> None:
    lasting = make()
    for key in (1, 2):
        lasting.admitted(entry(key, size=100 * key), 0.0)
    # What the lookup before it saved is not the copy's.
    serve(lasting, entry(2, size=200), resumed(2), Option(entry(2, size=200), 0.96, 1.0))
    value = lasting._pieces._pieces[1].kind.value
    assert value.saved_s == 0.0
    lasting.hit(entry(1), Copy(donor=1), 0.0)
    assert value.saved_s == 60.0
    lasting.watched(query(), Copy(donor=2), iter(()), 0.0)
    value = lasting._pieces._pieces[2].kind.value
    lasting.hit(entry(2, size=200), Copy(donor=2), 0.0)
    assert value.saved_s == 60.0


def test_a_class_of_which_little_is_known_counts_as_the_wider_ones_do() -> None:
    part = make()
    for key in range(1, 400):
        part.admitted(entry(key), 0.0)
        if key % 2:
            serve(part, entry(key), resumed(key), Option(entry(key), 0.96, 10.0))
    once, twice = (part._pieces._pieces[key].kind for key in (2, 1))
    assert (once.uses, twice.uses) == (1, 2)
    # Nobody used one twice, yet so far that says little.
    rates = [part._pieces._rate(kind, 1, 1.0) / kind.uses for kind in (once, twice)]
    assert rates[1] == pytest.approx(rates[0], rel=0.3)
    for key in range(1, 400):
        part.removed(key, 0.0)
    rates = [part._pieces._rate(kind, 1, 1.0) / kind.uses for kind in (once, twice)]
    assert rates[1] < 0.5 * rates[0]


def test_an_entry_used_more_outlives_one_that_was_used_as_late() -> None:
    part = make()
    for key in (1, 2, 3):
        part.admitted(entry(key), 0.0)
    for _ in range(3):
        serve(part, entry(1), resumed(1), Option(entry(1), 0.96, 20.0))
    serve(part, entry(2), resumed(2), Option(entry(2), 0.96, 20.0))
    for key in (3, 2, 1):
        assert part.victim((), 0.0) == key
        part.removed(key, 0.0)


def test_only_what_no_other_resident_would_have_saved_counts() -> None:
    part = make()
    part.admitted(entry(1, size=100), 0.0)
    part.admitted(entry(2, size=400), 0.0)
    for _ in range(40):
        # Entry 1 always has an equal beside it; entry 2 never has.
        serve(
            part, entry(1), resumed(1), Option(entry(1), 0.96, 20.0), Option(entry(9), 0.96, 20.0)
        )
        serve(part, entry(2, size=400), resumed(2), Option(entry(2), 0.96, 20.0))
    assert part.victim((), 0.0) == 1


def test_with_trimming_step_latents_leave_before_the_rest() -> None:
    part = make(trims=True)
    whole = entry(1)
    part.admitted(whole, 0.0)
    assert part.victim((), 0.0) == 1
    assert part.trims(1, 0.0)
    part.trimmed(msgspec.structs.replace(whole, size_bytes=7 * MIB, first_step=1, last_step=0), 0.0)
    assert not part.trims(1, 0.0)
    assert part.victim((), 0.0) == 1
    part.removed(1, 0.0)


def test_step_latents_are_credited_with_what_full_reuse_would_not_have_saved() -> None:
    part = make(trims=True)
    part.admitted(entry(1), 0.0)
    plan = Regional(
        donor=1,
        similarity=0.96,
        k1=20,
        k2=40,
        active_share=0.15,
        amplification=8.0,
        reason="test",
    )
    # 32 s in all, 20 s of them by full reuse; another resident would have saved 25 s.
    part.watched(
        query(), plan, iter([Option(entry(1), 0.96, 32.0), Option(entry(2), 0.9, 25.0)]), 0.0
    )
    assert part._pieces._gain == (7.0, 7.0)
    part.watched(
        query(), plan, iter([Option(entry(1), 0.96, 32.0), Option(entry(2), 0.9, 5.0)]), 0.0
    )
    assert part._pieces._gain == (12.0, 27.0)
    part.watched(query(), Fresh(reason="test"), iter([]), 0.0)
    assert part._pieces._gain == (0.0, 0.0)


@pytest.mark.parametrize("numbers", [{"similarity": 0.0}, {"similarity": 1.1}, {"memory": 0.5}])
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="needed"):
        Config(**numbers)
