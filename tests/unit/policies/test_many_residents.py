"""What a decision costs does not grow with the number of residents, nor with a journal unread."""

import random
from typing import Any

import numpy as np
import pytest

from chorus_policies.cache import Cache
from chorus_policies.entry import Query
from chorus_policies.eviction import bundle, lru, worth
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.plan import Fresh
from chorus_policies.policy import load_policy
from chorus_policies.testing.samples import make_entry, make_setting
from chorus_policies.tier import TierSpec
from chorus_traces.errors import PolicyError

KIB = 1024


class Asked:
    """Nothing is pinned; counts how often somebody asks."""

    def __init__(self) -> None:
        self.times = 0

    def __contains__(self, key: object) -> bool:
        self.times += 1
        return False


def part_with(make: Any, entries: int) -> Any:
    part = make(make_setting(0))
    chance = random.Random(0)  # noqa: S311 - reproducible, not secret
    for key in range(entries):
        part.admitted(make_entry(key, chance), 0.0)
    return part


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda setting: lru.Lru(lru.Config(), setting), 1),
        # Sizes of 1 to 5 KiB in quarter octaves, superseded or not.
        (lambda setting: worth.Worth(worth.Config(), setting), 2 * 5),
        (lambda setting: bundle.Bundle(bundle.Config(), setting), 2 * 5),
    ],
    ids=["lru", "worth", "bundle"],
)
def test_a_victim_is_found_without_looking_at_all_residents(make: Any, most: int) -> None:
    for entries in (100, 10_000):
        part, asked = part_with(make, entries), Asked()
        for _ in range(50):
            part.removed(part.victim(asked, 0.0), 0.0)
        assert 50 <= asked.times <= 50 * most


def test_a_bundle_of_many_is_worked_out_once() -> None:
    part = part_with(lambda setting: bundle.Bundle(bundle.Config(), setting), 10_000)
    sizes = {key: piece.freed_bytes for key, piece in part._pieces._pieces.items()}
    asked, short_bytes, gone = Asked(), 1000 * KIB, 0
    while short_bytes > 0:
        part.short_of(short_bytes)
        key = part.victim(asked, 0.0)
        part.removed(key, 0.0)
        short_bytes -= sizes[key]
        gone += 1
    # A piece is looked at when it is taken and when it leaves; and the first of each class.
    assert gone >= 200
    assert 2 * gone <= asked.times + 10 <= 2 * gone + 40


def test_a_policy_asked_for_a_victim_among_pinned_entries_alone_is_told_so() -> None:
    part = part_with(lambda setting: lru.Lru(lru.Config(), setting), 3)
    with pytest.raises(LookupError, match="every entry is pinned"):
        part.victim({0, 1, 2}, 0.0)


def driven(name: str, journal: Journal) -> tuple[list[Any], Cache]:
    """Serve 600 requests around a few prompts; return every answer."""
    tier = TierSpec(name="host", capacity_bytes=40 * 1024 * KIB)
    cache = Cache(load_policy(name), (tier,), MatrixIndex(), journal)
    rng = np.random.default_rng(0)
    prompts = rng.normal(size=(40, 8))
    answers: list[Any] = []
    for place in range(600):
        vector = prompts[rng.integers(40)] + 0.1 * rng.normal(size=8)
        query = Query(
            sequence=place,
            namespace="one",
            identity=str(rng.integers(300)),
            steps=10,
            latent_bytes=64 * KIB,
            result_bytes=KIB,
            embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
        )
        now = float(place)
        plan = cache.lookup(query, now)
        step = cache.publish_step(query, plan)
        answers += [plan, step]
        if step is not None:
            answers.append(cache.publish(query, plan, 1.0, now))
        if not isinstance(plan, Fresh):
            cache.release(plan.donor, now)
        answers.append(cache.store(query, plan, 1.0, now))
    return answers, cache


@pytest.mark.parametrize("name", ["lru", "adaptive", "windowed"])
def test_a_cache_decides_the_same_whether_its_journal_is_kept_or_not(name: str) -> None:
    kept = Journal()
    answers, cache = driven(name, kept)
    silent, other = driven(name, Journal(keep=False))
    assert answers == silent
    assert cache.evictions == other.evictions > 100
    calls = [row.call for row in kept.rows]
    assert calls.count("lookup") == calls.count("store") == 600
    assert calls.count("release") > 100
    assert calls.count("evict") == cache.evictions
    assert (calls.count("trim") > 100) == (name != "lru")


def test_a_journal_with_a_writer_of_its_own_is_given_every_row() -> None:
    rows: list[JournalRow] = []
    journal, kept = Journal(keep=False), Journal()
    assert not journal.is_read
    journal.write = rows.append
    assert journal.is_read
    driven("adaptive", journal)
    driven("adaptive", kept)
    assert rows == kept.rows


def test_a_part_that_finds_no_victim_is_reported_with_the_policy() -> None:
    policy = load_policy("lru")
    tier = TierSpec(name="host", capacity_bytes=1024 * KIB)
    cache = Cache(policy, (tier,), MatrixIndex(), Journal(keep=False))
    part: Any = cache._tiers[0].eviction
    part.admitted(make_entry(0, random.Random(0)), 0.0)  # noqa: S311 - reproducible
    cache._tiers[0].occupied_bytes = 1024 * KIB
    with pytest.raises(PolicyError, match="lru: victim: the part raised LookupError"):
        cache._tiers[0].in_the_way(1, 1024 * KIB, {0: 1}, 0.0)
