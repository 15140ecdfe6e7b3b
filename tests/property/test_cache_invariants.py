"""What holds in the cache after every call, whatever the eviction and whatever the calls."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from chorus_policies.cache import Cache
from chorus_policies.catalogue import EVICTIONS
from chorus_policies.entry import OVERHEAD_BYTES, Query
from chorus_policies.eviction.bundle import Bundle
from chorus_policies.eviction.worth import Worth
from chorus_policies.journal import Journal
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_policies.policy import Policy, parse_policy
from chorus_policies.tier import MOST_IN_FLIGHT, TierSpec

NAMESPACES = ("one", "two", None)
TOPICS = 6

#: Near room for about four entries and far for about six, so that both are full most of the time.
TIERS = (
    TierSpec(name="near", capacity_bytes=4 * (OVERHEAD_BYTES + 20)),
    TierSpec(name="far", capacity_bytes=6 * (OVERHEAD_BYTES + 20)),
)

#: A quarter of the near tier holds two runs in flight.
WIDE = (
    TierSpec(name="near", capacity_bytes=8 * (OVERHEAD_BYTES + 60)),
    TierSpec(name="far", capacity_bytes=4 * (OVERHEAD_BYTES + 20)),
)


class SameTopic:
    """An index whose embedding is a topic's number: equal topics are alike, all others are not."""

    def __init__(self) -> None:
        self.queries: dict[int, Query] = {}

    def add(self, query: Query) -> None:
        assert query.sequence not in self.queries
        self.queries[query.sequence] = query

    def remove(self, key: int) -> None:
        del self.queries[key]

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        for key, other in sorted(self.queries.items(), reverse=True):
            alike = (other.embedding, other.namespace) == (query.embedding, query.namespace)
            if alike and floor <= 0.9:
                yield key, 0.9


def make_policy(kind: str, form: str) -> Policy:
    text = f"""
    reuse.bands = [{{similarity = 0.9, k1 = 0.25, k2 = 0.5}}]
    eviction.kind = "{kind}"
    entry.kind = "{form.split()[0]}"
    entry.in_flight = {str("in flight" in form).lower()}
    sizing.kind = "{"priced" if "priced" in form else "fixed"}"
    """
    return parse_policy(text, where="property", name=kind)


class Driver:
    """Plays a driver that keeps its own books, and compares them with the cache after each call."""

    def __init__(self, policy: Policy, tiers: tuple[TierSpec, ...]) -> None:
        self.index = SameTopic()
        self.journal = Journal()
        self.tiers = tiers
        self.ghost_index = SameTopic()
        self.cache = Cache(policy, tiers, self.index, self.journal, ghost_index=self.ghost_index)
        self.in_service: list[tuple[Query, Plan]] = []
        self.pins: Counter[int] = Counter()
        self.plans: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self.removed = 0
        self.in_flight: set[int] = set()
        self.abandoned = 0
        self.sequence = 0
        self.now = 0.0
        self._read = 0

    def arrive(
        self, topic: int, namespace: str | None, identified: bool, result_bytes: int
    ) -> None:
        query = Query(
            sequence=self.sequence,
            namespace=namespace,
            identity=f"topic {topic}" if identified else None,
            steps=8,
            latent_bytes=5,
            result_bytes=result_bytes,
            embedding=topic,
            user=f"user {self.sequence % 4}" if topic else None,
        )
        self.sequence += 1
        plan: Plan | None = self.cache.find_copy(query, self.now) if identified else None
        if plan is None:
            plan = self.cache.lookup(query, self.now)
        self.plans[type(plan).__name__] += 1
        if not isinstance(plan, Fresh):
            self.pins[plan.donor] += 1
        self.in_service.append((query, plan))
        self.check()

    def publish(self, place: int) -> None:
        unpublished = [
            (query, plan)
            for query, plan in self.in_service
            if query.sequence not in self.in_flight
            and self.cache.publish_step(query, plan) is not None
        ]
        if not unpublished:
            return
        query, plan = unpublished[place % len(unpublished)]
        if self.cache.publish(query, plan, 1.0, self.now).tier is not None:
            self.pins[query.sequence] += 1
            self.in_flight.add(query.sequence)
            entry = self.cache._entries[query.sequence]
            assert not entry.finished
        self.check()

    def abandon(self, place: int) -> None:
        free = [
            number
            for number, (query, _) in enumerate(self.in_service)
            if self.pins[query.sequence] == (query.sequence in self.in_flight)
        ]
        if not free:
            return
        query, plan = self.in_service.pop(free[place % len(free)])
        if not isinstance(plan, Fresh):
            self.cache.release(plan.donor, self.now)
            self.pins -= Counter([plan.donor])
        self.cache.abandon(query, self.now)
        if query.sequence in self.in_flight:
            self.in_flight.remove(query.sequence)
            self.pins -= Counter([query.sequence])
        assert query.sequence not in self.cache
        self.abandoned += 1
        self.check()

    def finish(self, place: int) -> None:
        if not self.in_service:
            return
        query, plan = self.in_service.pop(place % len(self.in_service))
        if query.sequence in self.in_flight:
            self.in_flight.remove(query.sequence)
            self.pins -= Counter([query.sequence])
        if not isinstance(plan, Fresh):
            self.cache.release(plan.donor, self.now)
            self.pins -= Counter([plan.donor])
        stored = self.cache.store(query, plan, 1.0, self.now)
        self.stored[stored.reason] += 1
        assert (stored.tier is not None) == (stored.reason == "admitted")
        assert not (isinstance(plan, Copy) and stored.tier)
        self.check()

    def remove(self, place: int) -> None:
        free = [key for key in self.cache._entries if key not in self.pins]
        if free:
            self.cache.remove(free[place % len(free)], self.now)
            self.removed += 1
            self.check()

    def check(self) -> None:
        self.now += 0.5
        cache = self.cache
        for spec, tier in zip(self.tiers, cache._tiers, strict=True):
            assert tier.occupied_bytes == sum(e.size_bytes for e in tier.resident.values())
            assert 0 <= tier.occupied_bytes <= spec.capacity_bytes
            if isinstance(tier.eviction, Worth | Bundle):
                newest = tier.eviction._pieces._users.newest
                users = {(e.namespace, e.user) for e in tier.resident.values() if e.user}
                assert newest.keys() <= users
                assert all(tier.resident[key].user == owner[1] for owner, key in newest.items())
        places = [key for tier in cache._tiers for key in tier.resident]
        assert sorted(places) == sorted(cache._entries)
        assert len(places) == len(set(places)) == len(cache)
        assert cache.occupied_bytes == sum(e.size_bytes for e in cache._entries.values())
        for key in cache._entries:
            tier = cache._residents.tier_of(key)
            assert cache.tier_name(key) == tier.name
            assert tier.resident[key] is cache._entries[key]
        assert self.index.queries.keys() == cache._entries.keys()
        assert cache._residents.pins == dict(self.pins)
        assert all(key in cache for key in self.pins)
        exact = [e for e in cache._entries.values() if e.identity is not None and e.finished]
        found = cache._residents.exact._keys
        assert sorted(key for keys in found.values() for key in keys) == sorted(
            entry.key for entry in exact
        )
        for (namespace, identity), keys in found.items():
            for entry in map(cache._entries.__getitem__, keys):
                assert (entry.namespace, entry.identity, entry.exact) == (namespace, identity, True)
        admitted = self.stored["admitted"]
        finished = [entry for entry in cache._entries.values() if entry.finished]
        assert admitted == len(finished) + cache.evictions + self.removed
        assert {e.key for e in cache._entries.values() if not e.finished} == self.in_flight
        assert self.sequence == sum(self.plans.values())
        done = sum(self.stored.values()) + self.abandoned
        assert self.sequence == len(self.in_service) + done
        for row in self.journal.rows[self._read :]:
            if row.call in ("evict", "demote"):
                assert row.key not in self.pins
        self._read = len(self.journal.rows)
        self.check_ghosts()

    def check_ghosts(self) -> None:
        """Compare the books of the shadows, where the sizing part watches some."""
        ghosts = self.cache._ghosts
        if ghosts is None:
            return
        under_way = {query.sequence for query, _ in self.in_service}
        holders: Counter[int] = Counter()
        for shadow in ghosts._shadows:
            entries, flying = shadow.entries, shadow._flying
            holders.update(entries.keys())
            assert flying == {key for key, entry in entries.items() if not entry.finished}
            assert flying | shadow._refused <= under_way
            flying_bytes = sum(entries[key].size_bytes for key in flying)
            assert shadow._tier.pinned_bytes == shadow._flying_bytes == flying_bytes
            assert flying_bytes <= MOST_IN_FLIGHT * shadow.capacity_bytes
            occupied = sum(entry.size_bytes for entry in entries.values())
            assert shadow._tier.occupied_bytes == occupied <= shadow.capacity_bytes
        assert holders == Counter(ghosts._holders)
        assert self.ghost_index.queries.keys() == ghosts._ghosts.keys() == holders.keys()

    def end(self) -> None:
        """Let every request finish: no pin is left, and the journal has a row for each call."""
        while self.in_service:
            self.finish(0)
        assert not self.pins
        assert not self.cache._residents.pins
        calls = Counter(row.call for row in self.journal.rows)
        assert calls["store"] == self.sequence - self.abandoned
        assert calls["evict"] == self.cache.evictions
        assert calls["release"] == self.sequence - self.plans["Fresh"]


ARRIVE = st.tuples(
    st.just("arrive"),
    st.integers(0, TOPICS - 1),
    st.sampled_from(NAMESPACES[:1] * 4 + NAMESPACES),
    st.booleans(),
    # The last one is larger than the near tier.
    st.sampled_from((0, 0, 5, 20, OVERHEAD_BYTES, 9 * OVERHEAD_BYTES)),
)
FINISH = st.tuples(st.just("finish"), st.integers(0, 9))
REMOVE = st.tuples(st.just("remove"), st.integers(0, 9))
PUBLISH = st.tuples(st.just("publish"), st.integers(0, 9))
ABANDON = st.tuples(st.just("abandon"), st.integers(0, 9))
CALLS = st.lists(
    st.one_of(ARRIVE, ARRIVE, ARRIVE, FINISH, FINISH, FINISH, REMOVE, PUBLISH, PUBLISH, ABANDON),
    max_size=80,
)
FORMS = (
    "window",
    "compact",
    "window in flight",
    "renoised in flight",
    "renoised in flight, priced",
)


@pytest.mark.parametrize("kind", sorted(EVICTIONS))
@settings(max_examples=60, deadline=None)
@given(
    calls=CALLS,
    form=st.sampled_from(FORMS),
    tiers=st.sampled_from((TIERS[:1], TIERS, TIERS[::-1], WIDE)),
)
def test_the_books_agree_after_every_call(
    kind: str, calls: list[tuple[str, int]], form: str, tiers: tuple[TierSpec, ...]
) -> None:
    driver = Driver(make_policy(kind, form), tiers)
    for name, *numbers in calls:
        getattr(driver, name)(*numbers)
    driver.end()
    event(f"evictions: {min(driver.cache.evictions, 3)}")


@pytest.mark.parametrize("kind", sorted(EVICTIONS))
def test_the_calls_exercise_everything(kind: str) -> None:
    """The same driver on one long script meets every plan, every refusal and every way out."""
    met: Counter[str] = Counter()
    for form in FORMS:
        driver = Driver(make_policy(kind, form), WIDE if "flight" in form else TIERS)
        for number in range(1500):
            namespace = NAMESPACES[(number // 7) % 11 % 3]
            result_bytes = (number * 3) % 20
            if number % 5 == 0:
                result_bytes = (9 if number % 95 == 0 else 2) * OVERHEAD_BYTES
            driver.arrive((number * number) % 37 % TOPICS, namespace, number % 3 == 0, result_bytes)
            if number % 2:
                driver.publish(number)
            if number % 31 == 0:
                driver.abandon(number)
            if number % 8 > 1:
                driver.finish(number)
            if number % 8 == 7:
                driver.finish(0)
                driver.finish(0)
            if number % 29 == 0:
                driver.remove(number)
        driver.end()
        met += driver.plans + driver.stored + Counter(row.call for row in driver.journal.rows)
    for name in ("Copy", "Regional", "Resume", "Fresh", "evict", "demote", "remove", "publish"):
        assert met[name] > 20, met
    for name in ("admitted", "a copy adds nothing", "larger than the tier", "namespace unknown"):
        assert met[name] > 5, met
    assert met["all else is pinned"] > 0, met
    assert met["abandon"] > 5, met


@pytest.mark.parametrize("kind", sorted(EVICTIONS))
@settings(max_examples=30, deadline=None)
@given(calls=CALLS)
def test_the_same_calls_give_the_same_journal(kind: str, calls: list[tuple[str, int]]) -> None:
    rows = []
    for _ in range(2):
        driver = Driver(make_policy(kind, "window in flight"), WIDE)
        for name, *numbers in calls:
            getattr(driver, name)(*numbers)
        driver.end()
        rows.append(driver.journal.rows)
    assert rows[0] == rows[1]
