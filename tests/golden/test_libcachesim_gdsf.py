"""With similarity 1 as the only hit, GDSF misses as often as libcachesim's, also by bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from golden.make_libcachesim_gdsf import size_bytes
from golden.test_libcachesim_identity import NoJournal, SameObject
from golden.zipf_trace import objects_of

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.plan import Fresh
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec

GOLDEN: dict[str, Any] = json.loads(
    Path(__file__).with_name("libcachesim_gdsf.json").read_text(encoding="utf-8")
)
MISSES: dict[str, dict[str, int]] = GOLDEN["misses_by_capacity_bytes"]

#: libcachesim multiplies by this; the same here, so that both round alike.
COST_S = 1.0e6


@pytest.fixture(scope="module")
def objects() -> list[int]:
    return objects_of(GOLDEN)


def to_query(sequence: int, item: int, *, vary: bool) -> Query:
    return Query(
        sequence=sequence,
        namespace="one",
        identity=None,
        steps=10,
        latent_bytes=1,
        result_bytes=size_bytes(item, vary=vary) - OVERHEAD_BYTES - 1,
        embedding=item,
    )


def misses(kind: str, capacity_bytes: int, objects: list[int], *, vary: bool) -> int:
    text = f"""
    reuse.bands = [{{similarity = 1.0, k1 = 0.5}}]
    eviction.kind = "{kind}"
    entry.kind = "compact"
    """
    policy = parse_policy(text, where="identity", name=kind)
    tier = TierSpec(name="memory", capacity_bytes=capacity_bytes)
    cache = Cache(policy, (tier,), SameObject(), NoJournal())
    count = 0
    for now, item in enumerate(objects):
        query = to_query(now, item, vary=vary)
        plan = cache.lookup(query, now)
        if isinstance(plan, Fresh):
            count += 1
            assert cache.store(query, plan, COST_S, now).tier == "memory"
        else:
            cache.release(plan.donor, now)
    assert cache.evictions > 1000
    return count


@pytest.mark.parametrize("capacity", list(MISSES["equal"]))
def test_misses_equal_libcachesims_with_equal_sizes(capacity: str, objects: list[int]) -> None:
    assert misses("gdsf", int(capacity), objects, vary=False) == MISSES["equal"][capacity]


@pytest.mark.parametrize("capacity", list(MISSES["varied"]))
def test_misses_equal_libcachesims_by_bytes(capacity: str, objects: list[int]) -> None:
    assert misses("gdsf", int(capacity), objects, vary=True) == MISSES["varied"][capacity]


def test_by_bytes_gdsf_misses_less_than_lru(objects: list[int]) -> None:
    capacity = int(next(iter(MISSES["varied"])))
    head = objects[:20_000]
    assert misses("gdsf", capacity, head, vary=True) < misses("lru", capacity, head, vary=True)
