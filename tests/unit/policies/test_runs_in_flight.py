"""Runs in flight: identical requests wait for one, similar ones resume from one."""

import numpy as np
import pytest

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.flights import Flights
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import Call, repeat
from chorus_policies.plan import Copy, Fresh, Regional, Resume
from chorus_policies.policy import parse_policy
from chorus_policies.tier import TierSpec
from chorus_traces.errors import PolicyError

IN_FLIGHT = """
reuse.bands = [
    {similarity = 0.95, k1 = 0.3, k2 = 0.6, active_share = 0.5},
    {similarity = 0.8, k1 = 0.1},
]
entry.in_flight = true
"""

MADE = Fresh(reason="no neighbour")

VECTOR = np.eye(4, dtype=np.float32)


def query_of(sequence: int, *, near: float = 1.0, identity: str | None = None) -> Query:
    vector = near * VECTOR[0] + np.sqrt(1 - near**2) * VECTOR[1]
    return Query(
        sequence=sequence,
        namespace="n",
        identity=identity,
        steps=10,
        latent_bytes=10,
        result_bytes=0,
        embedding=vector.astype(np.float32),
    )


def cache_of(text: str = IN_FLIGHT, entries: int = 4) -> tuple[Cache, Journal]:
    journal = Journal()
    policy = parse_policy(text, where="test", name="test")
    tiers = (TierSpec(name="host", capacity_bytes=entries * (OVERHEAD_BYTES + 60)),)
    return Cache(policy, tiers, MatrixIndex(), journal), journal


def test_a_run_is_published_after_the_last_step_it_keeps() -> None:
    cache, _ = cache_of()
    plan = cache.lookup(query_of(0), 0.0)
    assert cache.publish_step(query_of(0), plan) == 6
    silent, _ = cache_of(IN_FLIGHT.replace("in_flight = true", "in_flight = false"))
    assert silent.publish_step(query_of(0), plan) is None


def test_a_similar_request_is_served_from_the_run_in_flight() -> None:
    cache, _ = cache_of()
    plan = cache.lookup(query_of(0), 0.0)
    assert isinstance(cache.lookup(query_of(1), 1.0), Fresh)
    cache.publish(query_of(0), plan, 9.0, 6.0)
    served = cache.lookup(query_of(2), 7.0)
    assert isinstance(served, Regional)
    assert (served.donor, served.k1, served.k2) == (0, 3, 6)


def test_steps_that_are_not_kept_do_not_exist_before_the_run_is_finished() -> None:
    cache, _ = cache_of()
    plan = cache.lookup(query_of(0), 0.0)
    cache.publish(query_of(0), plan, 9.0, 6.0)
    # The lower band resumes at step 1; steps 3 to 6 are kept.
    assert isinstance(cache.lookup(query_of(1, near=0.85), 7.0), Fresh)
    cache.store(query_of(0), plan, 9.0, 9.0)
    served = cache.lookup(query_of(2, near=0.85), 10.0)
    assert isinstance(served, Resume)
    assert (served.donor, served.k1) == (0, 1)


def test_a_run_in_flight_answers_no_copy_and_is_not_evicted() -> None:
    cache, journal = cache_of()
    plan = cache.lookup(query_of(0, identity="same"), 0.0)
    cache.publish(query_of(0, identity="same"), plan, 9.0, 6.0)
    assert cache.find_copy(query_of(1, identity="same"), 7.0) is None
    for sequence in range(2, 9):
        cache.store(query_of(sequence, near=0.0), MADE, 1.0, 8.0)
    assert cache.evictions == 4
    assert 0 in cache
    cache.store(query_of(0, identity="same"), plan, 9.0, 9.0)
    assert cache.find_copy(query_of(9, identity="same"), 10.0) == Copy(donor=0)
    assert [row.call for row in journal.rows if row.key == 0] == ["lookup", "publish", "store"]


def test_a_run_refused_when_published_is_not_offered_again() -> None:
    cache, _ = cache_of(IN_FLIGHT + 'admission.kind = "second_sight"\n')
    for sequence in range(10, 14):
        cache.store(query_of(sequence, near=0.0), MADE, 1.0, 0.5)
    first, second = query_of(1, identity="same"), query_of(2, identity="same")
    plan = cache.lookup(first, 1.0)
    assert cache.publish(first, plan, 9.0, 6.0).reason == "refused by admission"
    assert cache.store(first, plan, 9.0, 9.0).reason == "refused by admission"
    assert 1 not in cache
    # The second time the same request is seen it is let in: the refusal counted once.
    assert cache.publish(second, cache.lookup(second, 9.5), 9.0, 15.0).reason == "admitted"


def test_runs_in_flight_hold_a_quarter_of_the_tier_at_most() -> None:
    cache, _ = cache_of()
    plans = {n: cache.lookup(query_of(n, near=0.0), 0.0) for n in range(2)}
    assert cache.publish(query_of(0, near=0.0), plans[0], 9.0, 6.0).tier == "host"
    refused = cache.publish(query_of(1, near=0.0), plans[1], 9.0, 6.5)
    assert refused.reason == "too much is in flight"
    # It is offered again when it is finished, as any other.
    assert cache.store(query_of(1, near=0.0), plans[1], 9.0, 9.0).reason == "admitted"
    cache.store(query_of(0, near=0.0), plans[0], 9.0, 9.5)
    third = query_of(2, near=0.5)
    assert cache.publish(third, cache.lookup(third, 10.0), 9.0, 15.0).tier == "host"


@pytest.mark.parametrize(("missing_bytes", "tier"), [(0, "host"), (1, None)])
def test_a_run_that_just_fits_the_quarter_is_taken(missing_bytes: int, tier: str | None) -> None:
    policy = parse_policy(IN_FLIGHT, where="test", name="test")
    # The result and the latents of steps 3 to 6.
    size_bytes = OVERHEAD_BYTES + 50
    host = TierSpec(name="host", capacity_bytes=4 * size_bytes - missing_bytes)
    cache = Cache(policy, (host,), MatrixIndex(), Journal())
    stored = cache.publish(query_of(0), cache.lookup(query_of(0), 0.0), 9.0, 6.0)
    assert (stored.size_bytes, stored.tier) == (size_bytes, tier)


def test_a_run_that_fails_takes_back_what_it_published() -> None:
    cache, journal = cache_of()
    plan = cache.lookup(query_of(0), 0.0)
    cache.publish(query_of(0), plan, 9.0, 6.0)
    reader = cache.lookup(query_of(1), 7.0)
    assert isinstance(reader, Regional)
    with pytest.raises(PolicyError, match="abandon: entry 0 is pinned; release it first"):
        cache.abandon(query_of(0), 8.0)
    cache.release(0, 8.5)
    cache.abandon(query_of(0), 9.0)
    assert len(cache) == 0
    assert cache.occupied_bytes == 0
    assert journal.rows[-1].call == "abandon"
    cache.abandon(query_of(5), 9.5)


def test_compact_entries_have_nothing_to_share_in_flight() -> None:
    cache, _ = cache_of(IN_FLIGHT + 'entry.kind = "compact"\n')
    assert cache.publish_step(query_of(0), cache.lookup(query_of(0), 0.0)) is None


def test_identical_requests_wait_for_a_run_that_can_be_copied() -> None:
    flights: Flights[str] = Flights()
    query = query_of(0, identity="same")
    assert not flights.join(query, "early")
    assert not flights.begin(query, Resume(donor=9, similarity=0.9, k1=1, reason="near"))
    assert not flights.begin(query_of(0), Fresh(reason="no neighbour"))
    assert flights.begin(query, Fresh(reason="no neighbour"))
    assert not flights.begin(query, Fresh(reason="no neighbour"))
    assert flights.join(query, "first")
    assert flights.join(query, "second")
    assert not flights.join(query_of(3, identity="another"), "other")
    assert flights.end(query) == ["first", "second"]
    assert flights.end(query) == []
    assert not flights.join(query, "late")


def test_an_entry_of_an_earlier_run_comes_back_as_it_was_kept() -> None:
    cache, _ = cache_of()
    stored = cache.restore(query_of(0), MADE, 9.0, "host", 0.0, trimmed=True)
    assert (stored.tier, stored.size_bytes) == ("host", OVERHEAD_BYTES + 10)
    assert cache.occupied_bytes == OVERHEAD_BYTES + 10
    served = cache.lookup(query_of(1), 1.0)
    assert isinstance(served, Resume)
    with pytest.raises(PolicyError, match="restore: entry 0 is resident"):
        cache.restore(query_of(0), MADE, 9.0, "host", 2.0, trimmed=True)


def test_an_entry_that_no_longer_fits_is_not_restored_and_evicts_nobody() -> None:
    cache, _ = cache_of(entries=1)
    cache.restore(query_of(0), MADE, 9.0, "host", 0.0, trimmed=False)
    stored = cache.restore(query_of(1), MADE, 9.0, "host", 0.0, trimmed=False)
    assert (stored.tier, stored.reason) == (None, "no room in host")
    assert len(cache) == 1


def test_every_call_can_be_made_again() -> None:
    cache, journal = cache_of()
    calls = [
        Call(name="restore", now_s=0.0, query=query_of(0), plan=MADE, tier="host", trimmed=True),
        Call(name="lookup", now_s=1.0, query=query_of(1)),
    ]
    repeat(calls, cache)
    plan = Resume(donor=0, similarity=1.0, k1=3, reason="similarity >= 0.95")
    more = [
        Call(name="publish", now_s=2.0, query=query_of(1), plan=plan, cost_s=4.0),
        Call(name="release", now_s=3.0, key=0),
        Call(name="store", now_s=4.0, query=query_of(1), plan=plan, cost_s=4.0),
        Call(name="judged", now_s=5.0, query=query_of(1), plan=plan, acceptable=False),
        Call(name="lookup", now_s=6.0, query=query_of(2, near=0.0)),
        Call(name="publish", now_s=7.0, query=query_of(2, near=0.0), plan=Fresh(reason="r")),
        Call(name="abandon", now_s=8.0, query=query_of(2, near=0.0)),
        Call(name="remove", now_s=9.0, key=0),
    ]
    repeat(more, cache)
    again, journal_again = cache_of()
    repeat(calls + more, again)
    assert journal.rows == journal_again.rows
    assert {row.call for row in journal.rows} >= {"publish", "abandon", "judged", "restore"}
    with pytest.raises(PolicyError, match=r"store at 1\.0 has no plan"):
        repeat([Call(name="store", now_s=1.0, query=query_of(7))], cache)


def test_quality_reaches_a_reuse_part_that_learns_from_it() -> None:
    text = """
    reuse.kind = "error_budget"
    reuse.delta = 0.05
    reuse.epsilon = 0.05
    reuse.bands = [{similarity = 0.8, k1 = 0.3}]
    """
    cache, _ = cache_of(text)
    first = query_of(0)
    cache.store(first, cache.lookup(first, 0.0), 1.0, 0.5)
    tried = 0
    for number in range(1, 4000):
        query = query_of(number)
        plan = cache.lookup(query, float(number))
        if not isinstance(plan, Fresh):
            tried += 1
            cache.release(plan.donor, float(number))
            cache.judged(query, plan, True, float(number))
    # Trusted once enough results were judged good.
    assert tried > 1000
