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
from chorus_policies.plan import Fresh
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


class Watched:
    """Eight entries, watched at two, four and eight."""

    def __init__(self) -> None:
        self.saved_s: list[list[float]] = []
        self.full: list[int] = []
        policy = parse_policy(POLICY + 'kind = "fixed"', where="test", name="test")
        tier = TierSpec(name="host", capacity_bytes=2 * ENTRY)
        self.cache = Cache(policy, (tier,), MatrixIndex(), Journal())
        ghosts = GhostSizing(self.cache._tiers[0], self, MatrixIndex(), policy, 0)
        self.cache._ghosts = self.cache._residents._ghosts = self.ghosts = ghosts

    def priced(self, prices: object) -> None: ...

    def sizes(self) -> list[int]:
        return [2 * ENTRY, 4 * ENTRY, 8 * ENTRY]

    def holds(self, size_bytes: int) -> None: ...

    def looked_up(self, saved_s: list[float], full: int, now: float) -> None:
        self.saved_s.append(saved_s)
        self.full.append(full)

    def ask(self, *topics: int) -> None:
        """Serve one request after another, each near those of its topic alone."""
        for topic in topics:
            number = len(self.saved_s)
            query = Query(
                sequence=number,
                namespace="n",
                identity=None,
                steps=10,
                latent_bytes=10,
                result_bytes=0,
                embedding=VECTORS[topic],
            )
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
        vector = VECTORS[chance.randrange(16)] + 0.1 * VECTORS[chance.randrange(16)]
        query = Query(
            sequence=number,
            namespace="n",
            identity=None,
            steps=50,
            latent_bytes=2**18,
            result_bytes=0,
            embedding=(vector / np.linalg.norm(vector)).astype(np.float32),
        )
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
