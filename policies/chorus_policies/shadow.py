"""A shadow: what a tier of another size would hold, kept as embeddings and a few numbers.

It has an eviction and an admission part of its own and sees every request and every result, so what
it would have saved is measured, not extrapolated. It pays no bytes: it holds no latents.
"""

from collections.abc import Callable, Iterator

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query, trimmed_entry
from chorus_policies.neighbours import Neighbours
from chorus_policies.part_error import broken_part
from chorus_policies.parts import Option, Watcher
from chorus_policies.plan import Fresh, Plan
from chorus_policies.policy import PartsMaker
from chorus_policies.tier import Tier, TierSpec
from chorus_traces.errors import ChorusError

#: Asks the reuse part for a plan, given who is resident.
Planner = Callable[[Query, Iterator[tuple[Entry, float]], float], Plan]

#: Tells what each resident neighbour would save a query that got a plan.
Appraiser = Callable[[Query, Plan, Neighbours, float], Iterator[Option]]


class Shadow:
    """The entries a tier of ``capacity_bytes`` would hold.

    An entry is taken over as the real cache made it; only who stays differs. Runs in flight are
    pinned as they are in the real tier; the pins of donors are left out. Cost per call: that of the
    eviction and reuse parts.
    """

    def __init__(self, capacity_bytes: int, policy: PartsMaker, seed: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.full = False
        self._policy = policy.name
        self._tier = Tier(TierSpec(name="shadow", capacity_bytes=capacity_bytes), policy, seed)
        self.entries = self._tier.resident
        self._flying: set[int] = set()

    def offer(self, entry: Entry, now: float) -> list[int]:
        """Take ``entry`` if the tier would; return the keys of those it drops for it."""
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
        if not entry.finished:
            self._flying.add(entry.key)
            tier.pin(entry)
        return dropped

    def finish(self, entry: Entry, now: float) -> None:
        """Learn that the run of an entry has finished."""
        if entry.key in self._flying:
            self._flying.remove(entry.key)
            self._tier.unpin(self.entries[entry.key])
            self._tier.replace(entry, now)

    def drop(self, key: int, now: float) -> None:
        """Let an entry go."""
        entry = self.entries[key]
        if key in self._flying:
            self._flying.remove(key)
            self._tier.unpin(entry)
        self._tier.remove(entry, now)

    def look_up(
        self, query: Query, seen: Neighbours, plan_of: Planner, appraise: Appraiser, now: float
    ) -> float:
        """Return the GPU-seconds this tier would have saved ``query``; its donor counts as used.

        ``seen`` are the neighbours in any shadow.
        """
        entries = self.entries
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
