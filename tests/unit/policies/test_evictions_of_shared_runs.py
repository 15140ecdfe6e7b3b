"""Evictions that remember the bytes or steps of an entry learn that its run in flight finished."""

import msgspec
import numpy as np
import pytest
from unit.policies.hand_trace import Scripted, Trace, entry

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Entry, Query
from chorus_policies.eviction import gdsf, s3fifo, superseded
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.parts import Setting
from chorus_policies.plan import Resume
from chorus_policies.policy import parse_policy
from chorus_policies.tier import Tier, TierSpec

#: A finished entry takes two units, and four more while its run is in flight.
UNIT = OVERHEAD_BYTES
ENTRIES = 12

VECTORS = np.eye(ENTRIES + 2, dtype=np.float32)


def query_of(sequence: int, topic: int) -> Query:
    return Query(
        sequence=sequence,
        namespace="n",
        identity=None,
        steps=10,
        latent_bytes=UNIT,
        result_bytes=0,
        embedding=VECTORS[topic],
    )


def cache_of(eviction: str) -> tuple[Cache, Journal]:
    text = f"""
    reuse.bands = [{{similarity = 0.95, k1 = 0.3, k2 = 0.6, active_share = 0.5}}]
    entry.kind = "renoised"
    entry.in_flight = true
    eviction.kind = "{eviction}"
    """
    journal = Journal()
    tiers = (TierSpec(name="host", capacity_bytes=2 * ENTRIES * UNIT),)
    policy = parse_policy(text, where="test", name="test")
    return Cache(policy, tiers, MatrixIndex(), journal), journal


def made(cache: Cache, sequence: int, topic: int, cost_s: float, *, shared: bool) -> None:
    """Serve a request in full: look up, share the run if it is ``shared``, store."""
    query, now = query_of(sequence, topic), float(sequence)
    plan = cache.lookup(query, now)
    if shared:
        assert cache.publish(query, plan, cost_s, now).size_bytes == 6 * UNIT
    if isinstance(plan, Resume):
        cache.release(plan.donor, now)
    assert cache.store(query, plan, cost_s, now).size_bytes == 2 * UNIT


def first_victim(cache: Cache, journal: Journal, since: int) -> int:
    """Fill the tier with requests from ``since`` on; return who leaves first."""
    for sequence in range(since, ENTRIES + 1):
        made(cache, sequence, sequence, 20.0, shared=False)
    return next(row.key for row in journal.rows if row.call == "evict")


def test_gdsf_ranks_a_shared_run_by_what_is_left_of_it() -> None:
    cache, journal = cache_of("gdsf")
    made(cache, 0, 0, 10.0, shared=True)
    made(cache, 1, 1, 9.0, shared=False)
    assert first_victim(cache, journal, since=2) == 1


def test_gdsf_ranks_it_by_the_level_of_the_instant_it_finishes() -> None:
    trace = Trace(lambda setting: gdsf.Gdsf(gdsf.Config(), setting))
    trace.admit(1, size_bytes=4).admit(2, size_bytes=2)
    # Ranks: 1 has 1/4, 2 has 1/2.
    assert trace.evict(pinned=(1,)) == [2]  # the level becomes 1/2
    trace.part.trimmed(entry(1, size_bytes=2), 0.0)  # rank 1/2 + 1/2
    trace.admit(3, size_bytes=4, cost_s=1.0)  # rank 1/2 + 1/4
    assert trace.evict(2) == [3, 1]


def test_a_shared_run_supersedes_its_donor_when_it_finishes() -> None:
    """In flight it holds some steps only; finished, every step is made from its final latent."""
    cache, journal = cache_of("superseded")
    made(cache, 0, 0, 20.0, shared=False)
    made(cache, 1, 1, 20.0, shared=False)
    query = query_of(2, 1)
    plan = cache.lookup(query, 2.0)
    assert plan.donor == 1
    cache.publish(query, plan, 9.0, 2.0)
    cache.release(1, 3.0)
    cache.store(query, plan, 9.0, 3.0)
    assert first_victim(cache, journal, since=3) == 1


def test_an_entry_is_superseded_by_the_steps_it_keeps_now() -> None:
    part = superseded.Superseded(superseded.Config(), Setting(capacity_bytes=10, chance=Scripted()))
    part.admitted(entry(1), 0.0)
    part.admitted(entry(2, first_step=5, last_step=8), 0.0)
    part.trimmed(entry(2, first_step=1), 0.0)
    part.admitted(entry(3, first_step=4, last_step=8, donor=2, donor_similarity=1.0), 0.0)
    assert part.victim((), 0.0) == 1  # 3 lacks the steps 1 to 3, which 2 serves now


def in_flight(key: int) -> Entry:
    return entry(key, size_bytes=5, core_bytes=1, renoised=True, finished=False)


def test_s3fifo_takes_what_a_shared_run_holds_from_the_main_queue() -> None:
    part = s3fifo.S3Fifo(s3fifo.Config(small=0.2), Setting(capacity_bytes=20, chance=Scripted()))
    for key in range(14):
        part.admitted(entry(key), 0.0)
    # The small queue has 4 bytes of entries, the main queue 10 of the 16 of its share.
    assert part.victim((), 0.0) == 0
    part.admitted(in_flight(20), 0.0)
    part.admitted(in_flight(21), 0.0)
    # Eight bytes will leave with two runs: the main queue may keep eight.
    pinned = (20, 21)
    part.removed(0, 0.0)
    assert part.victim(pinned, 0.0) == 4
    part.trimmed(entry(20), 0.0)
    part.removed(4, 0.0)
    assert part.victim(pinned, 0.0) == 1
    part.trimmed(entry(21), 0.0)
    for key in (1, 2, 3):
        assert part.victim((), 0.0) == key
        part.removed(key, 0.0)
    # Neither run counts for more than it is: the main queue is within its share to the end.
    assert part.victim((), 0.0) == 20


def test_a_shared_run_that_is_abandoned_gives_the_main_queue_its_share_back() -> None:
    part = s3fifo.S3Fifo(s3fifo.Config(small=0.2), Setting(capacity_bytes=20, chance=Scripted()))
    for key in range(14):
        part.admitted(entry(key), 0.0)
    assert part.victim((), 0.0) == 0
    part.removed(0, 0.0)
    for key in (20, 21):
        part.admitted(in_flight(key), 0.0)
        part.removed(key, 0.0)
    assert part.victim((), 0.0) == 1


@pytest.mark.parametrize("kind", ["gdsf", "superseded", "s3fifo"])
def test_only_a_part_that_can_trim_lets_step_latents_leave_first(kind: str) -> None:
    policy = parse_policy(
        f'reuse.bands = [{{similarity = 0.9, k1 = 0.3}}]\neviction.kind = "{kind}"',
        where="test",
        name="test",
    )
    tier = Tier(TierSpec(name="host", capacity_bytes=100), policy, 0)
    whole = entry(1, size_bytes=9, first_step=2, last_step=8)
    tier.add(whole, 0.0)
    assert not tier.trims(whole, 0.0)
    tier.replace(msgspec.structs.replace(whole, size_bytes=1, first_step=1, last_step=0), 0.0)
    assert tier.occupied_bytes == 1
