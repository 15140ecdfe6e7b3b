"""Entries of a final latent and its seed, from which SRD reads what it needs."""

import msgspec
import pytest
from unit.policies.test_runs_in_flight import MADE, query_of

from chorus_policies.cache import Cache
from chorus_policies.entry import OVERHEAD_BYTES, EntryForm
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.parts import Reuse
from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_policies.policy import Policy, parse_policy
from chorus_policies.tier import TierSpec
from chorus_traces.errors import PolicyError

RENOISED = """
reuse.bands = [
    {similarity = 0.95, k1 = 0.3, k2 = 0.6, active_share = 0.5},
    {similarity = 0.8, k1 = 0.1},
]
entry.kind = "renoised"
entry.in_flight = true
"""

#: One latent of ten bytes; four more while a run is in flight.
FINISHED, FLYING = OVERHEAD_BYTES + 10, OVERHEAD_BYTES + 50


def cache_of(text: str = RENOISED, capacity_bytes: int = 16 * FINISHED) -> tuple[Cache, Journal]:
    journal = Journal()
    policy = parse_policy(text, where="test", name="test")
    tiers = (TierSpec(name="host", capacity_bytes=capacity_bytes),)
    return Cache(policy, tiers, MatrixIndex(), journal), journal


def test_an_entry_without_step_latents_serves_srd() -> None:
    cache, _ = cache_of()
    assert cache.store(query_of(0), MADE, 9.0, 1.0).size_bytes == FINISHED
    served = cache.lookup(query_of(1), 2.0)
    assert isinstance(served, Regional)
    assert (served.donor, served.k1, served.k2, served.renoised) == (0, 3, 6, True)
    assert isinstance(cache.lookup(query_of(2, near=0.85), 3.0), Resume)


def test_what_was_made_with_reuse_serves_every_step() -> None:
    """Step latents begin where a run began; a renoised path begins at noise."""
    cache, _ = cache_of()
    late = Resume(donor=9, similarity=0.9, k1=5, reason="near")
    cache.store(query_of(0), late, 9.0, 1.0)
    assert isinstance(cache.lookup(query_of(1), 2.0), Regional)
    kept, _ = cache_of(RENOISED.replace("renoised", "window"))
    kept.store(query_of(0), late, 9.0, 1.0)
    assert isinstance(kept.lookup(query_of(1), 2.0), Resume)


@pytest.mark.parametrize("eviction", ["lru", "gdsf", "bundle", "worth"])
def test_a_run_in_flight_shares_its_steps_and_drops_them_at_its_end(eviction: str) -> None:
    cache, journal = cache_of(RENOISED + f'eviction.kind = "{eviction}"\n')
    plan = cache.lookup(query_of(0), 0.0)
    assert cache.publish_step(query_of(0), plan) == 6
    assert cache.publish(query_of(0), plan, 9.0, 6.0).size_bytes == FLYING
    # Its end writes the final latent; what was shared lay in the memory of the run.
    assert cache.latents_kept(query_of(0), plan) == 1
    early = cache.lookup(query_of(1), 7.0)
    assert isinstance(early, Regional)
    assert not early.renoised
    assert cache.occupied_bytes == FLYING
    assert cache.store(query_of(0), plan, 9.0, 9.0).size_bytes == FINISHED
    assert cache.occupied_bytes == FINISHED
    late = cache.lookup(query_of(2), 9.5)
    assert isinstance(late, Regional)
    assert late.renoised
    for _ in range(2):
        cache.release(0, 10.0)
    # What was pinned at one size and released at another leaves nothing behind.
    for sequence in range(10, 42):
        cache.store(query_of(sequence, near=0.0), MADE, 1.0, 11.0)
    assert len(cache) == 16
    assert cache.occupied_bytes == 16 * FINISHED
    assert cache.evicted_bytes == 17 * FINISHED
    shed = [row.size_bytes for row in journal.rows if row.call == "trim"]
    assert shed == [FLYING - FINISHED]


def test_a_reader_keeps_a_run_that_has_finished_where_it_is() -> None:
    cache, _ = cache_of(capacity_bytes=4 * FLYING)
    plan = cache.lookup(query_of(0), 0.0)
    cache.publish(query_of(0), plan, 9.0, 6.0)
    cache.lookup(query_of(1), 7.0)
    cache.store(query_of(0), plan, 9.0, 9.0)
    for sequence in range(10, 20):
        cache.store(query_of(sequence, near=0.0), MADE, 1.0, 10.0)
    assert 0 in cache
    cache.release(0, 11.0)
    for sequence in range(20, 30):
        cache.store(query_of(sequence, near=0.0), MADE, 1.0, 12.0)
    assert 0 not in cache
    # A quarter of the tier again holds one run in flight.
    assert cache.publish(query_of(40), plan, 9.0, 13.0).tier == "host"


def test_without_sharing_nothing_is_recorded() -> None:
    cache, _ = cache_of(RENOISED.replace("in_flight = true", "in_flight = false"))
    plan = cache.lookup(query_of(0), 0.0)
    assert cache.publish_step(query_of(0), plan) is None
    assert cache.latents_kept(query_of(0), plan) == 1
    assert EntryForm(kind="renoised").recorded((3, 6), 0) == (1, 0)


class _Says:
    """A reuse part that always gives one answer."""

    def __init__(self, plan: Plan, inner: Reuse) -> None:
        self._plan = plan
        self.floor, self.span = inner.floor, inner.span

    def plan(self, *_: object) -> Plan:
        return self._plan


class _Stubborn:
    """A policy with such a part."""

    def __init__(self, policy: Policy, plan: Plan) -> None:
        self.name, self.form = "stubborn", policy.form
        self.admission, self.eviction, self.sizing = (
            policy.admission,
            policy.eviction,
            policy.sizing,
        )
        self._policy, self._plan = policy, plan

    def reuse(self, seed: int) -> _Says:
        return _Says(self._plan, self._policy.reuse(seed))


@pytest.mark.parametrize(
    ("kind", "finished", "renoised", "said"),
    [
        ("window", True, True, "keeps no seed for that"),
        ("renoised", False, True, "is in flight"),
        ("renoised", True, False, "lacks the latents of steps 3 to 6"),
    ],
)
def test_a_plan_over_latents_that_are_not_there_is_refused(
    kind: str, finished: bool, renoised: bool, said: str
) -> None:
    policy = parse_policy(RENOISED.replace('"renoised"', f'"{kind}"'), where="test", name="test")
    plan = Regional(
        donor=0,
        similarity=1.0,
        k1=3,
        k2=6,
        active_share=0.5,
        amplification=1.0,
        reason="stubborn",
        renoised=renoised,
    )
    tiers = (TierSpec(name="host", capacity_bytes=16 * FLYING),)
    cache = Cache(_Stubborn(policy, plan), tiers, MatrixIndex(), Journal())
    if finished:
        cache.store(query_of(0), MADE, 9.0, 1.0)
    else:
        cache.publish(query_of(0), Fresh(reason="first"), 9.0, 1.0)
    with pytest.raises(PolicyError, match=said):
        cache.lookup(query_of(1), 2.0)


def test_plans_of_earlier_journals_read_as_they_were() -> None:
    text = b'{"type":"regional","donor":1,"similarity":0.9,"k1":3,"k2":6,"active_share":0.5,'
    text += b'"amplification":1.0,"reason":"near"}'
    assert not msgspec.json.decode(text, type=Regional).renoised
