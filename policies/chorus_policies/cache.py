"""The cache: bytes, pins, index and journal, with a policy that decides.

Both drivers run this very class. It holds no latents and reads no clock: the driver moves time (the
simulator) or tensors (the runtime) and tells the cache what happened. Every answer of the policy is
checked before it is believed.

The file is long because the class is the one contract: what the drivers call, in call order, and
how each answer is carried out. Checks, tiers, ghosts and exact results have files of their own.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import NO_WINDOW, Entry, Query
from chorus_policies.exact_results import ExactResults
from chorus_policies.ghost_sizing import ghost_sizing_of
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.part_error import broken_part
from chorus_policies.parts import Option, SimilarityIndex, Watcher
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume, kind_of, reused_steps
from chorus_policies.plan_check import check_plan
from chorus_policies.policy import PartsMaker
from chorus_policies.tier import Tier, TierSpec
from chorus_traces.errors import ChorusError, PolicyError

#: Keeps the chance of a tier apart from that of another tier or seed.
_MOST_TIERS = 64

_UNKNOWN_NAMESPACE = Fresh(reason="namespace unknown")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a finished result: its size, the tier it lies in, or why it lies in none."""

    size_bytes: int
    tier: str | None
    reason: str


class Cache:
    """Answers what to reuse, keeps what was made, and evicts within the bytes of its tiers.

    A new entry goes to the first tier. A tier that is full passes its victim down to the next
    tier; the last one drops it. Entries that a request is being served from are pinned: they stay
    where they are until released.
    """

    def __init__(
        self,
        policy: PartsMaker,
        tiers: tuple[TierSpec, ...],
        index: SimilarityIndex,
        journal: Journal,
        seed: int = 0,
        ghost_index: SimilarityIndex | None = None,
    ) -> None:
        self.name = policy.name
        self._form = policy.form
        self._reuse = policy.reuse(seed)
        self._floor = self._reuse.floor()
        self._tiers = [
            Tier(spec, policy, _MOST_TIERS * seed + place) for place, spec in enumerate(tiers)
        ]
        self._watchers = [
            tier.eviction for tier in self._tiers if isinstance(tier.eviction, Watcher)
        ]
        self._index = index
        self._write = journal.write
        self._ghosts = ghost_sizing_of(self._tiers, ghost_index, policy.name)
        self._entries: dict[int, Entry] = {}
        self._tier_of: dict[int, int] = {}
        self._exact = ExactResults()
        self._pins: dict[int, int] = {}
        self.evicted_bytes = 0
        self.evictions = 0

    @property
    def occupied_bytes(self) -> int:
        """Bytes of all resident entries."""
        return sum(tier.occupied_bytes for tier in self._tiers)

    def occupied_in(self, tier_name: str) -> int:
        """Bytes of the entries in one tier."""
        return next(tier.occupied_bytes for tier in self._tiers if tier.name == tier_name)

    def capacity_changes(self, tier_name: str) -> list[tuple[float, int]]:
        """Return (instant, bytes) of a tier's capacity: at the start, and at each change."""
        return next(tier.capacity_changes for tier in self._tiers if tier.name == tier_name)

    def __len__(self) -> int:
        """Return the number of resident entries."""
        return len(self._entries)

    def __contains__(self, key: int) -> bool:
        """Tell whether the entry is resident."""
        return key in self._entries

    def tier_name(self, key: int) -> str:
        """Return the name of the tier a resident entry lies in."""
        return self._tiers[self._tier_of[key]].name

    @property
    def first_tier(self) -> str:
        """Name of the tier new entries go to."""
        return self._tiers[0].name

    def latents_kept(self, query: Query, plan: Plan) -> int:
        """Return how many latents the result of ``plan`` will leave in the cache."""
        first, last = self._window(query, plan)
        return 1 + max(0, last - first + 1)

    def find_copy(self, query: Query, now: float) -> Copy | None:
        """Return a copy of an identical request's result and pin it, or ``None``.

        Cheap enough to ask on arrival, before the request waits for a worker.
        """
        plan = self._copy_of(query)
        if plan is None:
            self._write(JournalRow(now, "find_copy", query.sequence, "none", -1, 0.0, 0, 0, 0))
            return None
        self._reused(plan, now)
        row = JournalRow(now, "find_copy", query.sequence, "copy", plan.donor, 1.0, 0, 0, 0)
        self._write(row)
        return plan

    def lookup(self, query: Query, now: float) -> Plan:
        """Return the plan for ``query``; its donor stays pinned until ``release``."""
        plan: Plan
        if query.namespace is None:
            plan = _UNKNOWN_NAMESPACE
        else:
            plan = self._copy_of(query) or self._plan(query, now)
        if not isinstance(plan, Fresh):
            check_plan(self.name, plan, query, self._entries)
        for watcher in self._watchers:
            try:
                watcher.watched(query, plan, self._options(query, plan, now), now)
            except ChorusError:
                raise
            except Exception as error:
                raise broken_part(self.name, "watched", query.sequence, error) from error
        if isinstance(plan, Fresh):
            row = JournalRow(now, "lookup", query.sequence, "fresh", -1, 0.0, 0, 0, 0)
        else:
            self._reused(plan, now)
            k1, k2 = reused_steps(plan)
            row = JournalRow(
                now, "lookup", query.sequence, kind_of(plan), plan.donor, plan.similarity, k1, k2, 0
            )
        self._write(row)
        self._resize(query, plan, now)
        return plan

    def release(self, donor: int, now: float) -> None:
        """Take one pin off ``donor``: its latents have been read."""
        pins = self._pins[donor] - 1
        if pins:
            self._pins[donor] = pins
        else:
            del self._pins[donor]
            self._tiers[self._tier_of[donor]].unpin(self._entries[donor])
        self._write(JournalRow(now, "release", donor, "", -1, 0.0, 0, 0, 0))

    def store(self, query: Query, plan: Plan, cost_s: float, now: float) -> Stored:
        """Offer the finished result of ``query``, made by ``plan`` in ``cost_s`` GPU-seconds.

        A copy leaves nothing new behind. Room is made by evicting; a result that is larger than
        the first tier, that admission refuses, or for which only pinned entries could go, is not
        kept.
        """
        if query.sequence in self._entries:
            raise PolicyError(f"store: entry {query.sequence} is resident; store it once")
        entry = self._entry(query, plan, cost_s)
        stored = self._place(entry, query, now) if isinstance(entry, Entry) else entry
        answer = stored.tier or stored.reason
        donor = -1 if isinstance(plan, Fresh) else plan.donor
        row = JournalRow(now, "store", query.sequence, answer, donor, 0.0, 0, 0, stored.size_bytes)
        self._write(row)
        return stored

    def remove(self, key: int, now: float) -> None:
        """Drop an entry by order of an operator. Raises ``PolicyError`` if absent or pinned."""
        if key not in self._entries or key in self._pins:
            state = "pinned" if key in self._pins else "not resident"
            raise PolicyError(f"remove: entry {key} is {state}; only a free resident entry can go")
        size_bytes = self._entries[key].size_bytes
        self._write(JournalRow(now, "remove", key, self.tier_name(key), -1, 0.0, 0, 0, size_bytes))
        self._drop(key, now)

    def _copy_of(self, query: Query) -> Copy | None:
        if query.identity is None or query.namespace is None:
            return None
        donor = self._exact.find(query.namespace, query.identity)
        return None if donor is None else Copy(donor=donor)

    def _plan(self, query: Query, now: float) -> Plan:
        try:
            return self._reuse.plan(query, self._neighbours(query), now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self.name, "plan", query.sequence, error) from error

    def _neighbours(self, query: Query) -> Iterator[tuple[Entry, float]]:
        entries = self._entries
        for key, similarity in self._index.neighbours(query, self._floor):
            yield entries[key], similarity

    def _options(self, query: Query, chosen: Plan, now: float) -> Iterator[Option]:
        if query.namespace is None:
            return
        donor = -1 if isinstance(chosen, Fresh) else chosen.donor
        for entry, similarity in self._neighbours(query):
            plan = chosen
            if entry.key != donor:
                plan = self._reuse.plan(query, ((entry, similarity),), now)
            yield Option(entry, similarity, _saved_s(query, plan))

    def _saving_s(self, query: Query, entry: Entry, similarity: float, now: float) -> float:
        """Return the GPU-seconds ``entry`` would save ``query``."""
        return _saved_s(query, self._reuse.plan(query, ((entry, similarity),), now))

    def _resize(self, query: Query, plan: Plan, now: float) -> None:
        """Tell the sizing part what ghosts would have saved, and follow its answer."""
        if self._ghosts is None or query.namespace is None or isinstance(plan, Copy):
            return
        had_s = _saved_s(query, plan)
        saving_s = partial(self._saving_s, query, now=now)
        reason = self._ghosts.looked_up(query, self._floor, saving_s, had_s, now)
        if reason is None:
            return
        tier = self._tiers[0]
        capacity = tier.capacity(now)
        self._write(JournalRow(now, "resize", -1, reason, -1, 0.0, 0, 0, capacity))
        if tier.can_hold(0, now):
            self._make_room(0, 0, tier.in_the_way(0, self._pins, now), now)

    def _reused(self, plan: Copy | Resume | Regional, now: float) -> None:
        donor = plan.donor
        entry, tier = self._entries[donor], self._tiers[self._tier_of[donor]]
        pins = self._pins.get(donor, 0)
        self._pins[donor] = pins + 1
        if not pins:
            tier.pin(entry)
        tier.hit(entry, plan, now)

    def _entry(self, query: Query, plan: Plan, cost_s: float) -> Entry | Stored:
        if query.namespace is None:
            return Stored(size_bytes=0, tier=None, reason="namespace unknown")
        if isinstance(plan, Copy):
            return Stored(size_bytes=0, tier=None, reason="a copy adds nothing")
        fresh = isinstance(plan, Fresh)
        window = self._window(query, plan)
        return Entry(
            key=query.sequence,
            namespace=query.namespace,
            identity=query.identity if fresh else None,
            size_bytes=self._form.size_bytes(window, query),
            core_bytes=self._form.size_bytes(NO_WINDOW, query),
            steps=query.steps,
            first_step=window[0],
            last_step=window[1],
            exact=fresh,
            donor=None if isinstance(plan, Fresh) else plan.donor,
            donor_similarity=0.0 if isinstance(plan, Fresh) else plan.similarity,
            cost_s=cost_s,
            marks=query.marks,
        )

    def _window(self, query: Query, plan: Plan) -> tuple[int, int]:
        computed_from = 0 if isinstance(plan, Fresh | Copy) else plan.k1
        return self._form.window(self._reuse.span(query.steps), computed_from)

    def _place(self, entry: Entry, query: Query, now: float) -> Stored:
        tier = self._tiers[0]
        size_bytes = entry.size_bytes
        if self._ghosts is not None:
            self._ghosts.offered(size_bytes)
        if size_bytes > tier.capacity(now):
            return Stored(size_bytes=size_bytes, tier=None, reason="larger than the tier")
        if not tier.can_hold(size_bytes, now):
            # Nobody is evicted for an entry that cannot be kept anyway.
            return Stored(size_bytes=size_bytes, tier=None, reason="all else is pinned")
        victim = tier.in_the_way(size_bytes, self._pins, now)
        if not tier.admits(entry, victim, now):
            return Stored(size_bytes=size_bytes, tier=None, reason="refused by admission")
        self._make_room(0, size_bytes, victim, now)
        self._entries[entry.key] = entry
        self._tier_of[entry.key] = 0
        tier.add(entry, now)
        self._index.add(query)
        self._exact.add(entry)
        if self._ghosts is not None:
            self._ghosts.admitted(query)
        return Stored(size_bytes=size_bytes, tier=tier.name, reason="admitted")

    def _make_room(self, place: int, size_bytes: int, victim: int | None, now: float) -> None:
        """Move ``victim`` and who follows out of tier ``place`` until ``size_bytes`` fit."""
        tier = self._tiers[place]
        while victim is not None:
            self._demote(victim, place, now)
            victim = tier.in_the_way(size_bytes, self._pins, now)

    def _demote(self, key: int, place: int, now: float) -> None:
        """Trim an entry, or pass it down one tier, or drop it where there is none with room."""
        entry = self._entries[key]
        trims = self._tiers[place].trims(entry, now)
        if place == 0 and self._ghosts is not None:
            freed = entry.size_bytes - (entry.core_bytes if trims else 0)
            self._ghosts.leaving(entry, freed, now)
        if trims:
            self._trim(entry, place, now)
            return
        below = place + 1
        if below < len(self._tiers):
            tier = self._tiers[below]
            if tier.can_hold(entry.size_bytes, now):
                victim = tier.in_the_way(entry.size_bytes, self._pins, now)
                self._make_room(below, entry.size_bytes, victim, now)
                self._tiers[place].remove(entry, now)
                tier.add(entry, now)
                self._tier_of[key] = below
                row = JournalRow(now, "demote", key, tier.name, -1, 0.0, 0, 0, entry.size_bytes)
                self._write(row)
                return
        name = self._tiers[place].name
        self._write(JournalRow(now, "evict", key, name, -1, 0.0, 0, 0, entry.size_bytes))
        self.evictions += 1
        self.evicted_bytes += entry.size_bytes
        self._drop(key, now)

    def _trim(self, entry: Entry, place: int, now: float) -> None:
        """Drop an entry's step latents and keep the rest."""
        size_bytes = entry.core_bytes
        core = msgspec.structs.replace(entry, size_bytes=size_bytes, first_step=1, last_step=0)
        self._entries[entry.key] = core
        self._tiers[place].trim(entry, core, now)
        freed = entry.size_bytes - size_bytes
        self.evicted_bytes += freed
        name = self._tiers[place].name
        self._write(JournalRow(now, "trim", entry.key, name, -1, 0.0, 0, 0, freed))

    def _drop(self, key: int, now: float) -> None:
        entry = self._entries.pop(key)
        self._tiers[self._tier_of.pop(key)].remove(entry, now)
        self._index.remove(key)
        if self._ghosts is not None:
            self._ghosts.gone(key)
        self._exact.remove(entry)


def _saved_s(query: Query, plan: Plan) -> float:
    """Return the GPU-seconds ``plan`` saves ``query``."""
    return saved_steps(plan, query.steps, query.srd_full_every) * query.step_s
