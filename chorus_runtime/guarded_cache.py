"""The cache as threads use it: one lock around each call, and the store follows every answer.

The clock is read inside the lock, so instants rise in call order. What the cache decides about
other entries (evict, demote, trim) it writes to the journal; those rows are the orders that are
carried out on the latent store before the lock is given back.
The file is long because there is one method for each call into the cache.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import msgspec

from chorus_policies.cache import Cache, Stored
from chorus_policies.entry import Query
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.live.calls import Call
from chorus_policies.plan import Copy, Fresh, Plan, reused_steps
from chorus_policies.reuse.learned import Learned
from chorus_runtime.cache_state import CacheState, TierState
from chorus_runtime.clock import Clock
from chorus_runtime.run_log import RunLog
from chorus_runtime.store.flying import Flying
from chorus_runtime.store.kept import Kept, KeptFacts
from chorus_runtime.store.store import LatentStore
from chorus_runtime.store.tiers import TIERS
from chorus_traces.errors import EngineError, PolicyError

#: Reused results that can still be judged; the oldest cannot any more. Each is about 1 KiB.
_MOST_JUDGED = 16_384


class GuardedCache:
    """Makes calls into a ``Cache`` safe from any thread and keeps ``store`` in step with it.

    ``make`` gets the journal the cache must write to. With ``keep_calls`` the journal's rows and
    ``calls`` are kept in memory, to be looked at or repeated; ``log`` gets every call and every
    row as they happen, under the lock. A row ``fallback`` is the driver's own: its answer says why
    a plan was not carried out.
    """

    def __init__(
        self,
        make: Callable[[Journal], Cache],
        store: LatentStore,
        clock: Clock,
        *,
        keep_calls: bool = False,
        log: RunLog | None = None,
    ) -> None:
        self.journal = Journal(keep=keep_calls)
        self.calls: list[Call] = []
        self._keep = self.journal.write
        self._keeps_calls = keep_calls
        self._log = log
        self._orders: list[JournalRow] = []
        self.journal.write = self._write
        try:
            self._cache = make(self.journal)
        except BaseException:
            # Nobody else can let go of the folder: there is no service to close.
            store.close()
            raise
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._doomed: dict[int, str] = {}
        self._facts: dict[int, KeptFacts] = {}
        self._flying: dict[int, Flying] = {}
        self._failed: dict[int, Query] = {}
        self._reused: OrderedDict[int, tuple[Query, Plan]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of resident entries."""
        return len(self._cache)

    def state(self) -> CacheState:
        """Return what the cache holds now."""
        with self._lock:
            cache = self._cache
            return CacheState(
                entries=len(cache),
                tiers=tuple(
                    TierState(
                        name=name,
                        occupied_bytes=cache.occupied_in(name),
                        capacity_bytes=cache.capacity_changes(name)[-1][1],
                    )
                    for name in TIERS
                    if name in self._store.tiers
                ),
                evictions=cache.evictions,
                evicted_bytes=cache.evicted_bytes,
            )

    def read(self, key: int) -> Kept | Flying:
        """Return the latents of an entry. Raises ``EngineError`` where they cannot be read."""
        # A finished run is in the store before it stops being one in flight.
        return self._flying.get(key) or self._store.get(key)

    def publish_step(self, query: Query, plan: Plan) -> int | None:
        """Return the step after which to ``publish`` the run of ``plan``; ``None``: do not."""
        with self._lock:
            return self._cache.publish_step(query, plan)

    def publish(self, query: Query, plan: Plan, flying: Flying) -> Stored:
        """Offer the step latents of a run in flight; ``store`` or ``abandon`` must follow."""
        cost_s = flying.facts.cost_s
        with self._call() as now:
            self._note(Call(name="publish", now_s=now, query=query, plan=plan, cost_s=cost_s))
            stored = self._cache.publish(query, plan, cost_s, now)
            if stored.tier is not None:
                self._flying[query.sequence] = flying
                self._facts[query.sequence] = flying.facts
            return stored

    def abandon(self, query: Query) -> None:
        """Take back what a run published that failed, as soon as nobody is served from it."""
        with self._call() as now:
            self._failed[query.sequence] = query
            self._remove_doomed(now)

    def find_copy(self, query: Query) -> Copy | None:
        """Return a copy of an identical request's result and pin it, or ``None``."""
        with self._call() as now:
            self._note(Call(name="find_copy", now_s=now, query=query))
            return self._cache.find_copy(query, now)

    def lookup(self, query: Query) -> Plan:
        """Return the plan for ``query``; its donor stays pinned until ``release``."""
        with self._call() as now:
            self._note(Call(name="lookup", now_s=now, query=query))
            plan = self._cache.lookup(query, now)
            if not isinstance(plan, Fresh | Copy):
                self._remember(query, plan)
            return plan

    def judged(self, key: int, acceptable: bool) -> bool:
        """Tell the policy whether the result of request ``key`` was good enough.

        Return ``False`` where it cannot be told: it was not made with reuse, was judged before, or
        is too old.
        """
        with self._call() as now:
            query, plan = self._reused.pop(key, (None, None))
            if query is None or plan is None:
                return False
            call = Call(name="judged", now_s=now, query=query, plan=plan, acceptable=acceptable)
            self._note(call)
            self._cache.judged(query, plan, acceptable, now)
            return True

    def learned(self) -> tuple[Learned, ...]:
        """Return what judgements taught the policy."""
        with self._lock:
            return self._cache.learned()

    def recall(self, learned: tuple[Learned, ...]) -> None:
        """Teach the policy what an earlier run learned."""
        with self._call() as now:
            self._note(Call(name="recall", now_s=now, learned=learned))
            self._cache.recall(learned, now)

    def release(self, donor: int) -> None:
        """Take one pin off ``donor``."""
        with self._call() as now:
            self._note(Call(name="release", now_s=now, key=donor))
            self._cache.release(donor, now)
            self._remove_doomed(now)

    def store(self, query: Query, plan: Plan, cost_s: float, kept: Kept | None) -> Stored:
        """Offer a finished result; ``kept`` are its latents, ``None`` where it has no namespace.

        A result that the cache takes and the store cannot is dropped again: the answer then has no
        tier, and the store's reason.
        """
        with self._call() as now:
            self._note(Call(name="store", now_s=now, query=query, plan=plan, cost_s=cost_s))
            stored = self._cache.store(query, plan, cost_s, now)
            self._carry_out()
            if stored.tier is None or kept is None:
                return stored
            self._facts[query.sequence] = kept.facts
            try:
                self._store.put(kept, stored.tier)
                self._flying.pop(query.sequence, None)
                self._remove_doomed(now)
            except BaseException as error:
                self._doomed[query.sequence] = reason = str(error)
                self._remove_doomed(now)
                if isinstance(error, EngineError):
                    return Stored(size_bytes=stored.size_bytes, tier=None, reason=reason)
                raise
            return stored

    def restore(self, query: Query, facts: KeptFacts, *, trimmed: bool) -> None:
        """Enter a result that the store holds from an earlier run; it goes if there is no room."""
        plan, cost_s, tier = facts.plan, facts.cost_s, self._store.tier_of(query.sequence)
        with self._call() as now:
            self._note(
                Call(
                    name="restore",
                    now_s=now,
                    query=query,
                    plan=plan,
                    cost_s=cost_s,
                    tier=tier,
                    trimmed=trimmed,
                )
            )
            stored = self._cache.restore(query, plan, cost_s, tier, now, trimmed=trimmed)
            if stored.tier is None:
                self._store.remove(query.sequence)
            else:
                self._facts[query.sequence] = facts

    def drop(self, key: int, reason: str) -> None:
        """Drop an entry that cannot serve: now, or as soon as nobody is served from it."""
        with self._call() as now:
            self._doomed[key] = reason
            self._remove_doomed(now)

    def prompts(self) -> set[str]:
        """Return the prompts of all entries."""
        with self._lock:
            return {facts.prompt for facts in self._facts.values()}

    def drop_all(self, matches: Callable[[KeptFacts], bool], reason: str) -> int:
        """Drop every entry whose facts match, as ``drop`` does; return how many."""
        with self._call() as now:
            found = [key for key, facts in self._facts.items() if matches(facts)]
            self._doomed |= dict.fromkeys(found, reason)
            self._remove_doomed(now)
        return len(found)

    def fell_back(self, query: Query, plan: Plan, reason: str) -> None:
        """Write into the journal that ``plan`` was not carried out, and why."""
        k1, k2 = reused_steps(plan)
        donor = -1 if isinstance(plan, Fresh) else plan.donor
        similarity = 0.0 if isinstance(plan, Fresh) else plan.similarity
        with self._call() as now:
            self._reused.pop(query.sequence, None)
            self.journal.write(
                JournalRow(now, "fallback", query.sequence, reason, donor, similarity, k1, k2, 0)
            )

    @contextmanager
    def _call(self) -> Iterator[float]:
        """Hold the lock and yield the instant; carry out what the cache decided meanwhile."""
        with self._lock:
            now = self._clock.now()
            self._doomed |= self._store.take_losses()
            self._remove_doomed(now)
            try:
                yield now
            finally:
                self._carry_out()

    def _remove_doomed(self, now: float) -> None:
        for key, query in list(self._failed.items()):
            try:
                self._cache.abandon(query, now)
            except PolicyError:
                # Somebody is served from what the run left; the last one to release takes it.
                continue
            self._note(Call(name="abandon", now_s=now, query=query))
            del self._failed[key]
        self._carry_out()
        for key in list(self._doomed):
            if key not in self._cache:
                del self._doomed[key]
                continue
            try:
                self._remove(key, now)
            except PolicyError:
                # Pinned: somebody reads it. The last one to release it removes it.
                continue
            del self._doomed[key]

    def _remove(self, key: int, now: float) -> None:
        self._cache.remove(key, now)
        self._note(Call(name="remove", now_s=now, key=key))
        self._carry_out()

    def _carry_out(self) -> None:
        """Do to the store what the cache did since the last call."""
        orders, self._orders = self._orders, []
        for order in orders:
            if order.call in ("abandon", "evict", "remove"):
                self._facts.pop(order.key, None)
                self._flying.pop(order.key, None)
            if order.key not in self._store:
                # Lost by the store already, or never in it.
                continue
            if order.call == "trim":
                self._store.trim(order.key)
            elif order.call == "demote":
                self._store.move(order.key, order.answer)
            else:
                self._store.remove(order.key)

    def _write(self, row: JournalRow) -> None:
        self._keep(row)
        if self._log is not None:
            self._log.row(row)
        if row.call in ("abandon", "demote", "evict", "remove", "trim"):
            self._orders.append(row)

    def _remember(self, query: Query, plan: Plan) -> None:
        """Keep what a judgement of the result would be about; the embedding says nothing there."""
        self._reused[query.sequence] = (msgspec.structs.replace(query, embedding=None), plan)
        if len(self._reused) > _MOST_JUDGED:
            self._reused.popitem(last=False)

    def _note(self, call: Call) -> None:
        if self._keeps_calls:
            self.calls.append(call)
        if self._log is not None:
            self._log.call(call)
