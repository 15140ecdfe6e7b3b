"""A shadow: what a tier of another size would hold, kept as embeddings and a few numbers.

It has an eviction and an admission part of its own and sees every request and every result, so what
it would have saved is measured, not extrapolated. It pays no bytes: it holds no latents.
"""

from collections.abc import Callable, Iterator

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query, trimmed_entry
from chorus_policies.exact_results import ExactResults
from chorus_policies.neighbours import Neighbours
from chorus_policies.part_error import broken_part
from chorus_policies.parts import Option, Watcher
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_policies.policy import PartsMaker
from chorus_policies.tier import MOST_IN_FLIGHT, Tier, TierSpec
from chorus_traces.errors import ChorusError

#: Asks the reuse part for a plan, given who is resident.
Planner = Callable[[Query, Iterator[tuple[Entry, float]], float], Plan]

#: Tells what each resident neighbour would save a query that got a plan.
Appraiser = Callable[[Query, Plan, Neighbours, float], Iterator[Option]]


class Shadow:
    """The entries a tier of ``capacity_bytes`` would hold.

    An entry is taken over as the real cache made it; only who stays differs. Runs in flight are
    pinned, and at most hold a quarter, as in the real tier; the pins of donors are left out. Cost
    per call: that of the eviction and reuse parts.
    """

    def __init__(self, capacity_bytes: int, policy: PartsMaker, seed: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.full = False
        self._policy = policy.name
        self._tier = Tier(TierSpec(name="shadow", capacity_bytes=capacity_bytes), policy, seed)
        self.entries = self._tier.resident
        self._exact = ExactResults()
        self._flying: set[int] = set()
        self._flying_bytes = 0
        self._refused: set[int] = set()

    def offer(self, entry: Entry, now: float) -> list[int]:
        """Take ``entry`` if the tier would; return the keys of those it drops for it.

        A run in flight is offered twice. One that a quarter of the tier had no room for counts as
        new once it is finished; one that was refused then stays refused.
        """
        key, size_bytes = entry.key, entry.size_bytes
        if key in self._flying:
            if entry.finished:
                self._finish(entry, now)
            return []
        if entry.finished:
            if key in self._refused:
                self._refused.remove(key)
                return []
            return self._take(entry, now)
        if self._flying_bytes + size_bytes > MOST_IN_FLIGHT * self.capacity_bytes:
            return []
        dropped = self._take(entry, now)
        if key not in self.entries:
            self._refused.add(key)
        return dropped

    def _take(self, entry: Entry, now: float) -> list[int]:
        tier, size_bytes = self._tier, entry.size_bytes
        if tier.pinned_bytes + size_bytes > self.capacity_bytes or entry.key in self.entries:
            return []
        victim = tier.in_the_way(size_bytes, self.capacity_bytes, self._flying, now)
        if not tier.admits(entry, victim, now):
            return []
        dropped = []
        while victim is not None:
            self.full = True
            resident = self.entries[victim]
            if tier.trims(resident, now):
                tier.trim(resident, trimmed_entry(resident), now)
            else:
                self.drop(victim, now)
                dropped.append(victim)
            victim = tier.in_the_way(size_bytes, self.capacity_bytes, self._flying, now)
        tier.add(entry, now)
        self._exact.add(entry)
        if not entry.finished:
            self._flying.add(entry.key)
            self._flying_bytes += size_bytes
            tier.pin(entry)
        return dropped

    def _finish(self, entry: Entry, now: float) -> None:
        self._land(self.entries[entry.key])
        self._tier.replace(entry, now)
        self._exact.add(entry)

    def _land(self, entry: Entry) -> None:
        self._flying.remove(entry.key)
        self._flying_bytes -= entry.size_bytes
        self._tier.unpin(entry)

    def drop(self, key: int, now: float) -> bool:
        """Let an entry go, or forget that it was refused; tell whether it was held."""
        self._refused.discard(key)
        if key not in self.entries:
            return False
        entry = self.entries[key]
        if key in self._flying:
            self._land(entry)
        self._exact.remove(entry)
        self._tier.remove(entry, now)
        return True

    def look_up(
        self, query: Query, seen: Neighbours, plan_of: Planner, appraise: Appraiser, now: float
    ) -> float:
        """Return the GPU-seconds this tier would have saved ``query``; its donor counts as used.

        ``seen`` are the neighbours in any shadow. An identical result is copied.
        """
        entries = self.entries
        copied_s = self.copy(query, now)
        if copied_s:
            return copied_s
        found = ((one.key, similarity) for one, similarity in seen.again() if one.key in entries)
        mine = Neighbours(found, entries)
        plan = plan_of(query, mine.again(), now)
        eviction = self._tier.eviction
        if isinstance(eviction, Watcher):
            try:
                eviction.watched(query, plan, appraise(query, plan, mine, now), now)
            except ChorusError:
                raise
            except Exception as error:
                raise broken_part(self._policy, "watched", query.sequence, error) from error
        if isinstance(plan, Fresh):
            return 0.0
        self._tier.hit(entries[plan.donor], plan, now)
        return saved_steps(plan, query.steps, query.srd_full_every) * query.step_s

    def copy(self, query: Query, now: float) -> float:
        """Return the GPU-seconds a copy would have saved, 0 without an identical result."""
        if query.identity is None or query.namespace is None:
            return 0.0
        donor = self._exact.find(query.namespace, query.identity)
        if donor is None:
            return 0.0
        plan = Copy(donor=donor)
        self._tier.hit(self.entries[donor], plan, now)
        return saved_steps(plan, query.steps, query.srd_full_every) * query.step_s
