"""Shadows: what a tier of another size would hold and save, by hand and beside a real cache."""

import random

import numpy as np
import pytest

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.ghost_sizing import GhostSizing
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.neighbours import Neighbours
from chorus_policies.parts import Prices
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_policies.policy import load_policy, parse_policy
from chorus_policies.shadow import Shadow
from chorus_policies.tier import TierSpec

VECTORS = np.eye(16, dtype=np.float32)
ENTRY = OVERHEAD_BYTES + 10

#: Every reuse saves five of ten steps, a second each.
POLICY = """
base = "lru"
[reuse]
kind = "bands"
bands = [{similarity = 0.9, k1 = 0.5}]
[entry]
kind = "compact"
[sizing]
"""


def query_of(sequence: int, topic: int, latent_bytes: int = 10) -> Query:
    return Query(
        sequence=sequence,
        namespace="n",
        identity=None,
        steps=10,
        latent_bytes=latent_bytes,
        result_bytes=0,
        embedding=VECTORS[topic],
    )


def mixed_query(chance: random.Random, number: int, *, identified: bool = False) -> Query:
    """Return a query of fifty steps near one topic and a little of another."""
    topic = chance.randrange(16)
    vector = VECTORS[topic] + 0.1 * VECTORS[chance.randrange(16)]
    return Query(
        sequence=number,
        namespace="n",
        identity=f"{topic}" if identified and chance.random() < 0.5 else None,
        steps=50,
        latent_bytes=2**18,
        result_bytes=0,
        embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
    )


class Watched:
    """Eight entries, watched at two, four and eight."""

    def __init__(self) -> None:
        self.saved_s: list[list[float]] = []
        self.full: list[int] = []
        policy = parse_policy(POLICY + 'kind = "fixed"', where="test", name="test")
        tier = TierSpec(name="host", capacity_bytes=2 * ENTRY)
        self.cache = Cache(policy, (tier,), MatrixIndex(), Journal())
        ghosts = GhostSizing(self.cache._tiers[0], self, MatrixIndex(), policy, 0)
        self.cache._ghosts = self.ghosts = ghosts

    def priced(self, prices: object) -> None: ...

    def sizes(self) -> list[int]:
        return [2 * ENTRY, 4 * ENTRY, 8 * ENTRY]

    def holds(self, size_bytes: int) -> None: ...

    def looked_up(self, saved_s: list[float], whole_s: float, full: int, now: float) -> None:
        assert whole_s == 10.0
        self.saved_s.append(saved_s)
        self.full.append(full)

    def ask(self, *topics: int) -> None:
        """Serve one request after another, each near those of its topic alone."""
        for topic in topics:
            number = len(self.saved_s)
            query = query_of(number, topic)
            plan = self.cache.lookup(query, float(number))
            if not isinstance(plan, Fresh):
                self.cache.release(plan.donor, float(number))
            self.cache.store(query, plan, 1.0, float(number))

    def resident(self) -> list[list[int]]:
        return [sorted(shadow.entries) for shadow in self.ghosts._shadows]


def test_each_size_saves_what_it_would_still_hold() -> None:
    watched = Watched()
    watched.ask(0, 1, 2, 3, 0, 4, 5, 6, 0)
    # Two places let entry 0 go when two more came, but four hold it: 5 s. Entry 4 is of topic 0
    # as well; three come after it, so four places hold it at the end and two do not.
    assert watched.saved_s[:4] == [[0.0, 0.0, 0.0]] * 4
    assert watched.saved_s[4] == [0.0, 5.0, 5.0]
    assert watched.saved_s[8] == [0.0, 5.0, 5.0]
    assert watched.resident()[0] == [7, 8]
    assert {4, 7, 8} < set(watched.resident()[1])


def test_a_size_is_full_once_it_had_to_let_an_entry_go() -> None:
    watched = Watched()
    watched.ask(*range(10))
    assert watched.full == [0, 0, 0, 1, 1, 2, 2, 2, 2, 3]


def test_a_ghost_is_forgotten_when_no_size_holds_it() -> None:
    watched = Watched()
    watched.ask(*range(12))
    assert sorted(watched.ghosts._ghosts) == list(range(4, 12))
    assert len(watched.ghosts._index) == 8


def test_what_goes_by_order_goes_from_every_size() -> None:
    watched = Watched()
    watched.ask(0, 1)
    watched.cache.remove(1, 5.0)
    assert watched.resident() == [[0], [0], [0]]
    watched.ask(1)
    assert watched.saved_s[-1] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("preset", ["lru", "windowed", "adaptive"])
def test_a_shadow_of_the_real_size_holds_what_the_real_cache_holds(preset: str) -> None:
    policy = load_policy(preset)
    # An entry without step latents is a thirtieth of one with them.
    capacity = (4 if preset == "adaptive" else 60) * 2**20
    cache = Cache(
        policy, (TierSpec(name="host", capacity_bytes=capacity),), MatrixIndex(), Journal()
    )
    shadow = Shadow(capacity, policy, 0)
    chance = random.Random(3)  # noqa: S311
    hits = 0
    for number in range(400):
        query = mixed_query(chance, number)
        known = list(cache._index.neighbours(query, cache._floor))
        entries = dict(cache._entries)
        plan = cache.lookup(query, float(number))
        seen = Neighbours(iter(known), entries)
        saved_s = shadow.look_up(query, seen, cache._plan, cache._options, float(number))
        assert (saved_s > 0) == (not isinstance(plan, Fresh))
        if not isinstance(plan, Fresh):
            cache.release(plan.donor, float(number))
            hits += 1
        stored = cache.store(query, plan, 1.0, float(number))
        assert stored.tier == "host"
        shadow.offer(cache._entries[number], float(number))
        assert shadow.entries == cache._entries
    assert hits > 60
    assert cache.evicted_bytes > 4 * capacity


class OneSize:
    """Watches the real size alone."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.saved_s: list[float] = []

    def priced(self, prices: object) -> None: ...

    def sizes(self) -> list[int]:
        return [self.capacity]

    def holds(self, size_bytes: int) -> None: ...

    def looked_up(self, saved_s: list[float], whole_s: float, full: int, now: float) -> None:
        self.saved_s += saved_s


@pytest.mark.parametrize("admission", ["always", "second_sight"])
@pytest.mark.parametrize("base", ["adaptive", "lru"])
def test_a_shadow_of_the_real_size_follows_runs_in_flight(base: str, admission: str) -> None:
    policy = parse_policy(
        f'base = "{base}"\n[entry]\nkind = "renoised"\nin_flight = true\n'
        f'[admission]\nkind = "{admission}"\n[sizing]\nkind = "fixed"',
        where="test",
        name="test",
    )
    # A quarter of it holds two runs in flight, and eight are under way.
    capacity = 80 * 2**20
    tier = TierSpec(name="host", capacity_bytes=capacity)
    cache = Cache(policy, (tier,), MatrixIndex(), Journal())
    watcher = OneSize(capacity)
    ghosts = GhostSizing(cache._tiers[0], watcher, MatrixIndex(), policy, 0)
    cache._ghosts = ghosts
    shadow = ghosts._shadows[0]
    chance = random.Random(5)  # noqa: S311
    under_way: list[tuple[Query, Plan]] = []
    published = refused = abandoned = copies = 0
    for number in range(600):
        now = float(number)
        query = mixed_query(chance, number, identified=True)
        plan: Plan = cache.find_copy(query, now) or cache.lookup(query, now)
        assert (watcher.saved_s.pop() > 0) == (not isinstance(plan, Fresh))
        if not isinstance(plan, Fresh):
            cache.release(plan.donor, now)
        if isinstance(plan, Copy):
            copies += 1
            continue
        if cache.publish_step(query, plan) is not None:
            stored = cache.publish(query, plan, 1.0, now)
            published += stored.tier is not None
            refused += stored.reason == "too much is in flight"
        under_way.append((query, plan))
        if len(under_way) > 8:
            done, made_by = under_way.pop(chance.randrange(8))
            if chance.random() < 0.2:
                cache.abandon(done, now)
                abandoned += 1
            else:
                cache.store(done, made_by, 1.0, now)
        assert {key: one.size_bytes for key, one in shadow.entries.items()} == {
            key: one.size_bytes for key, one in cache._entries.items()
        }
        assert shadow._tier.pinned_bytes == cache._tiers[0].pinned_bytes
    assert min(published, refused, abandoned, copies, cache.evictions) > 10


def test_a_size_that_grows_for_an_entry_is_noted() -> None:
    journal = Journal()
    prices = Prices(gpu_usd_per_s=1.0, usd_per_byte_s=1.0)
    policy = parse_policy(POLICY + 'kind = "priced"', where="test", name="test")
    cache = Cache(
        policy,
        (TierSpec(name="host", capacity_bytes=1000 * ENTRY, prices=prices),),
        MatrixIndex(),
        journal,
        ghost_index=MatrixIndex(),
    )
    query = query_of(0, 0, latent_bytes=500 * ENTRY)
    before = cache.capacity_changes("host")[0][1]
    assert cache.store(query, cache.lookup(query, 3.0), 1.0, 3.0).tier == "host"
    assert before < 500 * ENTRY
    now, capacity = cache.capacity_changes("host")[1]
    assert (now, cache.occupied_bytes <= capacity < 1000 * ENTRY) == (3.0, True)
    assert [row.size_bytes for row in journal.rows if row.call == "resize"] == [capacity]


class Shrinking(OneSize):
    """Says after each lookup that the capacity changed."""

    def looked_up(self, saved_s: list[float], whole_s: float, full: int, now: float) -> str:
        return "less: for the test"


def test_a_capacity_below_what_is_pinned_leaves_the_pinned_alone() -> None:
    watched = Watched()
    watched.ask(0, 1)
    cache = watched.cache
    tier = cache._tiers[0]
    ghosts = GhostSizing(tier, Shrinking(ENTRY), MatrixIndex(), load_policy("lru"), 0)
    cache._ghosts = ghosts
    query = query_of(2, 0)
    tier._sizing = parse_policy(POLICY + 'kind = "fixed"', where="test", name="less").sizing(
        ENTRY // 2, 0
    )
    plan = cache.lookup(query, 2.0)
    assert not isinstance(plan, Fresh)
    assert sorted(cache._entries) == [plan.donor] == [0]
