"""The clairvoyant bound: greedy eviction that knows every later request.

Evict the entry whose next use is worth least: GPU-steps it would save there, per byte, divided by
how many requests away it lies. In identity mode with equal sizes this is Belady's rule (1966).
Under similarity Belady is not optimal and the offline optimum is NP-hard, so this is a heuristic
bound: a policy may beat it, and one that trims entries does where memory is short, for this bound
keeps entries whole; ``upper_bound.py`` is a proven one. It assumes that donors hold what their
form promises and that requests start in arrival order. Cost per eviction: O(residents), vectorised.
"""

from collections.abc import Container, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.costs.work import work_of
from chorus_policies.entry import Entry, EntryForm, Query
from chorus_policies.marks import marks_differ
from chorus_policies.parts import Admission, Eviction, Reuse, Sizing
from chorus_policies.plan import Plan
from chorus_policies.policy import Policy
from chorus_policies.similarity import QUANTA, floor_quanta
from chorus_sim.graph import SimilarityGraph
from chorus_sim.graph_index import GraphIndex
from chorus_sim.workload import Workload

_NEVER = np.iinfo(np.int64).max


class Future:
    """All later uses of each request's result: who, and how many full steps it would save."""

    def __init__(self, graph: SimilarityGraph, workload: Workload, policy: Policy) -> None:
        requests = len(workload)
        row = np.repeat(np.arange(requests), np.diff(graph.row_start))
        saving = _savings(graph, row, workload, policy)
        useful = np.flatnonzero(saving > 0)
        order = useful[np.lexsort((row[useful], graph.neighbour[useful]))]
        self.user = row[order]
        self.saving = saving[order]
        self.start = np.zeros(requests + 1, dtype=np.int64)
        counts = np.bincount(graph.neighbour[useful], minlength=requests)
        np.cumsum(counts, out=self.start[1:])
        self.position = 0


def _savings(
    graph: SimilarityGraph, row: npt.NDArray[np.int64], workload: Workload, policy: Policy
) -> npt.NDArray[np.float64]:
    """Return, per edge, the full steps the reuse part would save with a complete donor."""
    reuse = policy.reuse(seed=0)
    floor = floor_quanta(reuse.floor())
    known: dict[tuple[int, int, int, bool], float] = {}
    saving = np.zeros(graph.edges)
    quanta, neighbour = graph.quanta.tolist(), graph.neighbour.tolist()
    for edge, place in enumerate(row.tolist()):
        if quanta[edge] < floor:
            continue
        query = workload.queries[place]
        number = int(workload.profile_of[place])
        marks = workload.queries[neighbour[edge]].marks
        key = (number, query.steps, quanta[edge], marks_differ(query.marks, marks))
        if key not in known:
            profile = workload.profiles[number]
            donor = complete_donor(query, policy.form, reuse, marks)
            plan = reuse.plan(query, [(donor, quanta[edge] / QUANTA)], 0.0)
            work = work_of(plan, query.steps, profile.srd_full_every)
            srd = profile.srd_step_s(work.active_share) / profile.full_step.mean_s
            known[key] = query.steps - work.full_steps - work.srd_steps * srd
        saving[edge] = known[key]
    return saving


def complete_donor(query: Query, form: EntryForm, reuse: Reuse, marks: frozenset[str]) -> Entry:
    """Return a donor of these ``marks`` that holds every latent its form promises."""
    first, last = form.window(reuse.span(query.steps), 0)
    return Entry(
        key=-1,
        namespace=query.namespace or "",
        identity=None,
        size_bytes=0,
        steps=query.steps,
        first_step=first,
        last_step=last,
        exact=True,
        donor=None,
        donor_similarity=0.0,
        cost_s=0.0,
        marks=marks,
        renoised=form.kind == "renoised",
    )


class ClairvoyantIndex(GraphIndex):
    """The graph index, telling the future how far the run has come."""

    def __init__(self, graph: SimilarityGraph, future: Future) -> None:
        super().__init__(graph)
        self._future = future

    def neighbours(self, query: Query, floor: float) -> Iterator[tuple[int, float]]:
        """Yield as the graph index does."""
        self._future.position = query.sequence + 1
        return super().neighbours(query, floor)


class ClairvoyantPolicy:
    """A policy with its eviction replaced by one that knows the future."""

    def __init__(self, policy: Policy, future: Future) -> None:
        self._policy = policy
        self._future = future
        self.name = f"clairvoyant over {policy.name}"
        self.form = msgspec.structs.replace(policy.form, trim=False)

    def reuse(self, seed: int) -> Reuse:
        """Return the policy's own reuse part."""
        return self._policy.reuse(seed)

    def admission(self, capacity_bytes: int, seed: int) -> Admission:
        """Return the policy's own admission part."""
        return self._policy.admission(capacity_bytes, seed)

    def eviction(self, capacity_bytes: int, seed: int) -> Eviction:
        """Return the clairvoyant eviction."""
        del capacity_bytes, seed
        return Clairvoyant(self._future)

    def sizing(self, capacity_bytes: int, seed: int) -> Sizing:
        """Return the policy's own sizing part."""
        return self._policy.sizing(capacity_bytes, seed)


class Clairvoyant:
    """Eviction by the value density of the next use."""

    def __init__(self, future: Future) -> None:
        self._future = future
        slots = len(future.start) - 1
        self._slot_of: dict[int, int] = {}
        self._free = list(range(slots - 1, -1, -1))
        self._key = np.full(slots, -1, dtype=np.int64)
        self._edge = np.zeros(slots, dtype=np.int64)
        self._next_use = np.full(slots, _NEVER, dtype=np.int64)
        self._worth = np.zeros(slots)
        self._size = np.ones(slots)
        self._used = 0

    def admitted(self, entry: Entry, now: float) -> None:
        """Take a slot and find the next use."""
        del now
        slot = self._free.pop()
        self._used = max(self._used, slot + 1)
        self._slot_of[entry.key] = slot
        self._key[slot] = entry.key
        self._edge[slot] = self._future.start[entry.key]
        self._size[slot] = entry.size_bytes
        self._advance(slot)

    def hit(self, entry: Entry, plan: Plan, now: float) -> None:
        """Learn nothing: the future is known."""

    def removed(self, key: int, now: float) -> None:
        """Free the slot."""
        del now
        slot = self._slot_of.pop(key)
        self._free.append(slot)
        self._key[slot] = -1
        self._next_use[slot] = _NEVER

    def victim(self, pinned: Container[int], now: float) -> int:
        """Return the unpinned entry whose next use is worth least per byte and per request."""
        del now
        position = self._future.position
        used = slice(0, self._used)
        resident = self._key[used] >= 0
        for slot in np.flatnonzero(resident & (self._next_use[used] < position)):
            self._advance(int(slot))
        distance = self._next_use[used] - position + 1.0
        value = np.where(resident, self._worth[used] / self._size[used] / distance, np.inf)
        while True:
            least = int(np.argmin(value))
            key = int(self._key[least])
            if key not in pinned:
                return key
            value[least] = np.inf

    def _advance(self, slot: int) -> None:
        """Move to the first use that still lies ahead."""
        future, key = self._future, self._key[slot]
        edge, end = int(self._edge[slot]), int(future.start[key + 1])
        while edge < end and future.user[edge] < future.position:
            edge += 1
        self._edge[slot] = edge
        self._next_use[slot] = future.user[edge] if edge < end else _NEVER
        self._worth[slot] = future.saving[edge] if edge < end else 0.0
