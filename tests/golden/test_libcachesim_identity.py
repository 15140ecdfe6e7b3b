"""With similarity 1 as the only hit, misses equal libcachesim's on 100,000 Zipf requests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden.zipf_trace import objects_of

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.journal import Journal
from chorus_policies.plan import Copy, Fresh, Resume
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec

GOLDEN: dict[str, Any] = json.loads(
    Path(__file__).with_name("libcachesim_zipf100k.json").read_text(encoding="utf-8")
)
KINDS = sorted(GOLDEN["misses"])
CAPACITIES = [int(capacity) for capacity in GOLDEN["misses"]["lru"]]
ENTRY_BYTES = 2 + OVERHEAD_BYTES


class NoJournal(Journal):
    """Forgets every row: the counts are the test."""

    def __init__(self) -> None:
        super().__init__()
        self.write = lambda row: None


class SameObject:
    """An index whose embedding is the object's number: equal objects have similarity 1."""

    def __init__(self) -> None:
        self._key_of: dict[int, int] = {}
        self._object_of: dict[int, int] = {}

    def add(self, query: Query) -> None:
        assert query.embedding not in self._key_of
        self._key_of[query.embedding] = query.sequence
        self._object_of[query.sequence] = query.embedding

    def remove(self, key: int) -> None:
        del self._key_of[self._object_of.pop(key)]

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        assert floor == 1.0
        key = self._key_of.get(query.embedding)
        if key is not None:
            yield key, 1.0


@pytest.fixture(scope="module")
def objects() -> list[int]:
    return objects_of(GOLDEN)


@pytest.fixture(scope="module")
def by_similarity(objects: list[int]) -> list[Query]:
    """Requests that can only hit through the index: nothing says that they are identical."""
    return [to_query(sequence, item, None) for sequence, item in enumerate(objects)]


@pytest.fixture(scope="module")
def by_identity(objects: list[int]) -> list[Query]:
    """The same requests, of which equal ones are known to be identical."""
    return [to_query(sequence, item, str(item)) for sequence, item in enumerate(objects)]


def to_query(sequence: int, item: int, identity: str | None) -> Query:
    return Query(
        sequence=sequence,
        namespace="one",
        identity=identity,
        steps=10,
        latent_bytes=1,
        result_bytes=1,
        embedding=item,
    )


def make_cache(kind: str, capacity: int) -> Cache:
    text = f"""
    reuse.bands = [{{similarity = 1.0, k1 = 0.5}}]
    eviction.kind = "{kind}"
    entry.kind = "compact"
    """
    policy = parse_policy(text, where="identity", name=kind)
    tier = TierSpec(name="memory", capacity_bytes=capacity * ENTRY_BYTES)
    return Cache(policy, (tier,), SameObject(), NoJournal())


def run(cache: Cache, queries: list[Query]) -> tuple[int, set[type]]:
    """Return the misses, and the kinds of plan seen."""
    misses = 0
    kinds = set()
    for now, query in enumerate(queries):
        plan = cache.lookup(query, now)
        kinds.add(type(plan))
        if isinstance(plan, Fresh):
            misses += 1
            assert cache.store(query, plan, 1.0, now).tier == "memory"
        else:
            cache.release(plan.donor, now)
    return misses, kinds


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("kind", KINDS)
def test_misses_equal_libcachesims(
    kind: str, capacity: int, by_similarity: list[Query], by_identity: list[Query]
) -> None:
    # S3-FIFO recognises a returning request by its identity, and then the hit is a copy.
    cache = make_cache(kind, capacity)
    misses, kinds = run(cache, by_identity if kind == "s3fifo" else by_similarity)
    assert misses == GOLDEN["misses"][kind][str(capacity)]
    assert kinds == {Fresh, Copy if kind == "s3fifo" else Resume}
    assert cache.evictions == misses - capacity
    assert len(cache) == capacity


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"s3fifo"}))
def test_a_copy_counts_as_a_hit_like_a_resume(
    kind: str, by_similarity: list[Query], by_identity: list[Query]
) -> None:
    misses, kinds = run(make_cache(kind, 100), by_identity[:10_000])
    assert kinds == {Fresh, Copy}
    assert (misses, {Fresh, Resume}) == run(make_cache(kind, 100), by_similarity[:10_000])
    assert 0 < misses < 10_000


def test_s3fifo_finds_its_ghosts_by_identity_only(
    by_similarity: list[Query], by_identity: list[Query]
) -> None:
    with_ghosts, _ = run(make_cache("s3fifo", 100), by_identity[:10_000])
    without, _ = run(make_cache("s3fifo", 100), by_similarity[:10_000])
    assert with_ghosts < without
