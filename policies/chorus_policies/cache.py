"""The cache: bytes, pins, index and journal, with a policy that decides.

Both drivers run this very class. It holds no latents and reads no clock: the driver moves time (the
simulator) or tensors (the runtime) and tells the cache what happened. Every answer of the policy is
checked before it is believed.

The file is long because the class is the one contract: what the drivers call, in call order.
What is resident, entry forms, checks, tiers, ghosts and exact results have files of their own.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from chorus_policies.costs.work import saved_steps
from chorus_policies.entry import Entry, Query, trimmed_entry
from chorus_policies.forms import Forms
from chorus_policies.ghost_sizing import ghost_sizing_of
from chorus_policies.journal import Journal, JournalRow
from chorus_policies.neighbours import Neighbours
from chorus_policies.part_error import broken_part
from chorus_policies.parts import Option, QualityWatcher, SimilarityIndex, Watcher
from chorus_policies.plan import Copy, Fresh, Plan, kind_of, reused_steps
from chorus_policies.plan_check import check_plan
from chorus_policies.policy import PartsMaker
from chorus_policies.residents import Residents, Stored
from chorus_policies.reuse.learned import Learned, Learner
from chorus_policies.tier import MOST_IN_FLIGHT, Tier, TierSpec
from chorus_traces.errors import ChorusError, PolicyError

__all__ = ["Cache", "Stored"]

#: Keeps the chance of a tier apart from that of another tier or seed.
_MOST_TIERS: Final = 64

_UNKNOWN_NAMESPACE = Fresh(reason="namespace unknown")


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
        self._shares = policy.form.in_flight
        self._reuse = policy.reuse(seed)
        self._floor = self._reuse.floor()
        self._forms = Forms(policy.form, self._reuse)
        self._tiers = [
            Tier(spec, policy, _MOST_TIERS * seed + place) for place, spec in enumerate(tiers)
        ]
        self._watchers = [
            tier.eviction for tier in self._tiers if isinstance(tier.eviction, Watcher)
        ]
        self._index = index
        self._noted = journal.is_read
        self._write = journal.write
        self._ghosts = ghost_sizing_of(self._tiers, ghost_index, policy, seed)
        self._residents = Residents(self._tiers, index, journal)
        self._entries = self._residents.entries
        self._published: dict[int, Stored] = {}
        self._flying_bytes = 0

    @property
    def occupied_bytes(self) -> int:
        """Bytes of all resident entries."""
        return sum(tier.occupied_bytes for tier in self._tiers)

    @property
    def evictions(self) -> int:
        """Entries evicted so far."""
        return self._residents.evictions

    @property
    def evicted_bytes(self) -> int:
        """Bytes that evicting and trimming freed so far; what a run drops as it ends is no part."""
        return self._residents.evicted_bytes

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
        return self._residents.tier_of(key).name

    @property
    def first_tier(self) -> str:
        """Name of the tier new entries go to."""
        return self._tiers[0].name

    def latents_kept(self, query: Query, plan: Plan) -> int:
        """Return how many latents the result of ``plan`` will leave in the cache."""
        return self._forms.of(query, plan).latents

    def publish_step(self, query: Query, plan: Plan) -> int | None:
        """Return the step after which to ``publish`` the run of ``plan``; ``None``: do not.

        It is the last step whose latent is recorded, where the policy shares runs in flight.
        """
        if not self._shares or query.namespace is None or type(plan) is Copy:
            return None
        form = self._forms.of(query, plan)
        kept = form.first_in_flight <= form.last_in_flight < query.steps
        return form.last_in_flight if kept else None

    def find_copy(self, query: Query, now: float) -> Copy | None:
        """Return a copy of an identical request's result and pin it, or ``None``.

        Cheap enough to ask on arrival, before the request waits for a worker.
        """
        plan = self._copy_of(query)
        if plan is None:
            self._write(JournalRow(now, "find_copy", query.sequence, "none", -1, 0.0, 0, 0, 0))
            return None
        self._residents.hit(plan, now)
        row = JournalRow(now, "find_copy", query.sequence, "copy", plan.donor, 1.0, 0, 0, 0)
        self._write(row)
        if self._ghosts is not None:
            self._follow(self._ghosts.copied(query, now), now)
        return plan

    def lookup(self, query: Query, now: float) -> Plan:
        """Return the plan for ``query``; its donor stays pinned until ``release``."""
        plan: Plan
        seen = Neighbours(self._index.neighbours(query, self._floor), self._entries)
        if query.namespace is None:
            plan = _UNKNOWN_NAMESPACE
        else:
            plan = self._copy_of(query) or self._plan(query, seen.again(), now)
        if type(plan) is not Fresh:
            check_plan(self.name, plan, query, self._entries)
        if self._watchers:
            self._watch(query, plan, seen, now)
        if type(plan) is not Fresh:
            self._residents.hit(plan, now)
        if self._noted:
            self._note_planned(query, plan, now)
        if self._ghosts is not None:
            self._resize(query, now)
        return plan

    def release(self, donor: int, now: float) -> None:
        """Take one pin off ``donor``: its latents have been read."""
        self._residents.unpin(donor)
        if self._noted:
            self._write(JournalRow(now, "release", donor, "", -1, 0.0, 0, 0, 0))

    def publish(self, query: Query, plan: Plan, cost_s: float, now: float) -> Stored:
        """Offer the step latents of a run that is still in flight, expected to take ``cost_s``.

        Call it after ``publish_step``. Others can resume from the entry at the steps it keeps; it
        is pinned and answers no copy until ``store`` tells that the run is finished, or ``abandon``
        that it never will be. Where runs in flight hold a quarter of the tier already it is not
        taken; ``store`` offers it as any other then.
        """
        entry = self._new_entry(query, plan, cost_s, finished=False)
        if self._ghosts is not None and isinstance(entry, Entry):
            self._ghosts.published(entry, query, now)
        size_bytes = entry.size_bytes
        if self._flying_bytes + size_bytes > MOST_IN_FLIGHT * self._tiers[0].capacity(now):
            stored = Stored(size_bytes=size_bytes, tier=None, reason="too much is in flight")
        else:
            stored = self._placed(entry, query, now)
            if stored.tier is not None:
                self._residents.pin(self._entries[query.sequence], self._tiers[0])
                self._flying_bytes += stored.size_bytes
            self._published[query.sequence] = stored
        if self._noted:
            self._note_stored("publish", query, plan, stored, now)
        return stored

    def store(self, query: Query, plan: Plan, cost_s: float, now: float) -> Stored:
        """Offer the finished result of ``query``, made by ``plan`` in ``cost_s`` GPU-seconds.

        A copy leaves nothing new behind. Room is made by evicting; a result that is larger than
        the first tier, that admission refuses, or for which only pinned entries could go, is not
        kept. A result that was published keeps its place, or has none as it had none then; its size
        is from now on that of a finished one.
        """
        entry = self._new_entry(query, plan, cost_s)
        if self._ghosts is not None and isinstance(entry, Entry):
            self._follow(self._ghosts.stored(entry, query, now), now)
        if query.sequence in self._published:
            stored = self._published.pop(query.sequence)
            if stored.tier is not None and isinstance(entry, Entry):
                self._residents.unpin(query.sequence)
                self._residents.replace(entry, now)
                self._flying_bytes -= stored.size_bytes
                stored = msgspec.structs.replace(stored, size_bytes=entry.size_bytes)
        else:
            stored = self._placed(entry, query, now)
        if self._noted:
            self._note_stored("store", query, plan, stored, now)
        return stored

    def abandon(self, query: Query, now: float) -> None:
        """Learn that a run will not finish: what it published goes as soon as nobody reads it.

        Raises ``PolicyError`` while a request is served from it; ask again after its ``release``.
        """
        key = query.sequence
        stored = self._published.get(key)
        if stored is not None and stored.tier is not None:
            if self._residents.pins[key] > 1:
                raise PolicyError(f"abandon: entry {key} is pinned; release it first")
            self._flying_bytes -= stored.size_bytes
            self._residents.unpin(key)
            self._residents.remove(key, now, "abandon")
        elif self._ghosts is not None:
            # Other sizes may have taken it, so whoever repeats the calls must know.
            self._write(JournalRow(now, "abandon", key, "", -1, 0.0, 0, 0, 0))
        self._published.pop(key, None)
        if self._ghosts is not None:
            self._ghosts.removed(key, now)

    def restore(
        self, query: Query, plan: Plan, cost_s: float, tier_name: str, now: float, *, trimmed: bool
    ) -> Stored:
        """Enter a result of an earlier run as it was kept then, in the tier it lay in.

        Nobody is evicted for it: where the tier has no room, it is not kept. ``trimmed`` results
        lost their step latents then.
        """
        if query.sequence in self._entries:
            raise PolicyError(f"restore: entry {query.sequence} is resident; restore it once")
        made = self._new_entry(query, plan, cost_s)
        if isinstance(made, Entry):
            entry = trimmed_entry(made) if trimmed else made
            if self._ghosts is not None:
                self._follow(self._ghosts.stored(entry, query, now), now)
            made = self._residents.restore(entry, query, tier_name, now)
        self._note_stored("restore", query, plan, made, now)
        return made

    def judged(self, query: Query, plan: Plan, acceptable: bool, now: float) -> None:
        """Tell the reuse part whether the result that ``plan`` made was good enough.

        A reuse part that does not learn from quality is not told.
        """
        if isinstance(self._reuse, QualityWatcher):
            try:
                self._reuse.judged(query, plan, acceptable)
            except ChorusError:
                raise
            except Exception as error:
                raise broken_part(self.name, "judged", query.sequence, error) from error
        answer = "acceptable" if acceptable else "not acceptable"
        self._write(JournalRow(now, "judged", query.sequence, answer, -1, 0.0, 0, 0, 0))

    def learned(self) -> tuple[Learned, ...]:
        """Return what judgements taught the reuse part, for ``recall`` in a later run."""
        return self._reuse.learned() if isinstance(self._reuse, Learner) else ()

    def recall(self, learned: tuple[Learned, ...], now: float) -> None:
        """Teach the reuse part what an earlier run ``learned``, before anything is judged."""
        if isinstance(self._reuse, Learner):
            self._reuse.recall(learned)
        self._write(JournalRow(now, "recall", -1, f"{len(learned)} buckets", -1, 0.0, 0, 0, 0))

    def remove(self, key: int, now: float) -> None:
        """Drop an entry by order of an operator. Raises ``PolicyError`` if absent or pinned."""
        self._residents.remove(key, now, "remove")
        if self._ghosts is not None:
            self._ghosts.removed(key, now)

    def _copy_of(self, query: Query) -> Copy | None:
        if query.identity is None or query.namespace is None:
            return None
        donor = self._residents.exact.find(query.namespace, query.identity)
        return None if donor is None else Copy(donor=donor)

    def _plan(self, query: Query, neighbours: Iterator[tuple[Entry, float]], now: float) -> Plan:
        try:
            return self._reuse.plan(query, neighbours, now)
        except ChorusError:
            raise
        except Exception as error:
            raise broken_part(self.name, "plan", query.sequence, error) from error

    def _watch(self, query: Query, plan: Plan, seen: Neighbours, now: float) -> None:
        for watcher in self._watchers:
            try:
                watcher.watched(query, plan, self._options(query, plan, seen, now), now)
            except ChorusError:
                raise
            except Exception as error:
                raise broken_part(self.name, "watched", query.sequence, error) from error

    def _options(
        self, query: Query, chosen: Plan, seen: Neighbours, now: float
    ) -> Iterator[Option]:
        if query.namespace is None:
            return
        donor = -1 if type(chosen) is Fresh else chosen.donor
        for entry, similarity in seen.again():
            plan = chosen
            if entry.key != donor:
                plan = self._plan(query, iter(((entry, similarity),)), now)
            yield Option(entry, similarity, _saved_s(query, plan))

    def _resize(self, query: Query, now: float) -> None:
        """Tell the sizing part what other sizes would have saved, and follow its answer."""
        if self._ghosts is None or query.namespace is None:
            return
        answer = self._ghosts.looked_up(query, self._floor, self._plan, self._options, now)
        self._follow(answer, now)

    def _follow(self, reason: str | None, now: float) -> None:
        """Note a new capacity of the first tier and evict down to it, if there is one."""
        if reason is None:
            return
        capacity = self._tiers[0].capacity(now)
        self._write(JournalRow(now, "resize", -1, reason, -1, 0.0, 0, 0, capacity))
        self._residents.shrink(now)

    def _placed(self, entry: Entry | Stored, query: Query, now: float) -> Stored:
        if query.sequence in self._entries:
            raise PolicyError(f"store: entry {query.sequence} is resident; store it once")
        return self._residents.place(entry, query, now) if isinstance(entry, Entry) else entry

    def _new_entry(
        self, query: Query, plan: Plan, cost_s: float, *, finished: bool = True
    ) -> Entry | Stored:
        if query.namespace is None:
            return Stored(size_bytes=0, tier=None, reason="namespace unknown")
        if type(plan) is Copy:
            return Stored(size_bytes=0, tier=None, reason="a copy adds nothing")
        return self._forms.entry(query, query.namespace, plan, cost_s, finished=finished)

    def _note_planned(self, query: Query, plan: Plan, now: float) -> None:
        donor, similarity = (-1, 0.0) if type(plan) is Fresh else (plan.donor, plan.similarity)
        k1, k2 = reused_steps(plan)
        kind = kind_of(plan)
        self._write(JournalRow(now, "lookup", query.sequence, kind, donor, similarity, k1, k2, 0))

    def _note_stored(self, call: str, query: Query, plan: Plan, stored: Stored, now: float) -> None:
        answer = stored.tier or stored.reason
        donor = -1 if type(plan) is Fresh else plan.donor
        row = JournalRow(now, call, query.sequence, answer, donor, 0.0, 0, 0, stored.size_bytes)
        self._write(row)


def _saved_s(query: Query, plan: Plan) -> float:
    """Return the GPU-seconds ``plan`` saves ``query``."""
    return saved_steps(plan, query.steps, query.srd_full_every) * query.step_s
