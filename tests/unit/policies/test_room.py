"""Room is made for what does not fit, and for nothing else."""

import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.plan import Fresh, Resume
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec

POLICY = """
reuse.bands = [{similarity = 0.9, k1 = 0.5}]
eviction.kind = "lru"
entry.kind = "compact"
"""
MADE = Fresh(reason="no neighbour")
SIZE_BYTES = OVERHEAD_BYTES + 10


def query_of(sequence: int, topic: int) -> Query:
    return Query(
        sequence=sequence,
        namespace="n",
        identity=None,
        steps=10,
        latent_bytes=10,
        result_bytes=0,
        embedding=np.eye(8, dtype=np.float32)[topic],
    )


def cache_of(*entries: int) -> Cache:
    """Return a cache whose tiers hold just so many entries."""
    tiers = tuple(
        TierSpec(name=name, capacity_bytes=count * SIZE_BYTES)
        for name, count in zip(("near", "far"), entries, strict=False)
    )
    policy = parse_policy(POLICY, where="test", name="test")
    return Cache(policy, tiers, MatrixIndex(), Journal())


def fill(cache: Cache, first: int, count: int) -> None:
    for key in range(first, first + count):
        cache.store(query_of(key, key), MADE, 1.0, float(key))


def test_entries_that_just_fit_evict_nobody() -> None:
    cache = cache_of(3)
    fill(cache, 0, 3)
    assert (len(cache), cache.evictions) == (3, 0)
    assert cache.occupied_bytes == 3 * SIZE_BYTES
    fill(cache, 3, 1)
    assert (len(cache), cache.evictions) == (3, 1)
    assert 0 not in cache


def test_an_entry_that_just_fits_beside_the_pinned_ones_is_kept() -> None:
    cache = cache_of(3)
    fill(cache, 0, 3)
    for sequence, donor in ((10, 0), (11, 1)):
        plan = cache.lookup(query_of(sequence, donor), 5.0)
        assert isinstance(plan, Resume)
        assert plan.donor == donor
    stored = cache.store(query_of(3, 3), MADE, 1.0, 6.0)
    assert (stored.tier, stored.reason) == ("near", "admitted")
    assert 2 not in cache
    assert isinstance(cache.lookup(query_of(12, 3), 7.0), Resume)
    refused = cache.store(query_of(4, 4), MADE, 1.0, 8.0)
    assert (refused.tier, refused.reason) == (None, "all else is pinned")


def test_a_lower_tier_takes_what_just_fits_and_its_own_oldest_leaves_after() -> None:
    cache = cache_of(1, 2)
    fill(cache, 0, 3)
    assert (len(cache), cache.evictions) == (3, 0)
    assert [cache.tier_name(key) for key in range(3)] == ["far", "far", "near"]
    fill(cache, 3, 1)
    assert (len(cache), cache.evictions) == (3, 1)
    assert [cache.tier_name(key) for key in (1, 2, 3)] == ["far", "far", "near"]


def test_where_all_below_is_pinned_the_victim_is_dropped() -> None:
    cache = cache_of(1, 1)
    fill(cache, 0, 2)
    assert isinstance(cache.lookup(query_of(10, 0), 5.0), Resume)
    fill(cache, 2, 1)
    assert (0 in cache, 1 in cache, 2 in cache) == (True, False, True)
    assert cache.tier_name(0) == "far"
