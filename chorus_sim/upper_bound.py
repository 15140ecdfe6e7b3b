"""An upper bound on the GPU-seconds that any eviction can save, and the argument that it is one.

What is bounded: any run of ``Model`` on this workload and fleet, under the policy's reuse rule and
entry form, with at most ``capacity_bytes`` resident at any instant, whatever eviction, admission
and donor choice do. The argument has four steps.

1. *What a use saves.* A request ``i`` reuses at most one donor ``j``, which came earlier. It pays
   embedding and lookup in every run, and a load and a store that are not negative. So it saves at
   most ``s(i, j)``: the denoising saved with a complete donor, the better of SRD and full reuse. A
   request with an earlier identical one is granted everything, wherever the result lies.
2. *What a use occupies.* An entry that left never returns, and a donor is pinned while it serves,
   so ``j`` is resident from its store to the end of ``i``. The store is not later than the finish
   when every request takes its longest possible time: start times of a first come, first served
   queue do not fall when a service time grows (Kiefer and Wolfowitz, 1955). The end is not before
   the arrival and the shortest possible service. Pairs whose donor cannot be stored before the
   latest start of ``i`` are left out. Bytes are those of the entry's smallest form.
3. *The linear program.* Let ``y(i, j)`` say that ``i`` uses ``j``, and ``z(i, j)`` that ``i`` is
   the last to do so. Every run gives a feasible point of: maximise the sum of ``s y``, where
   ``y(i, j)`` is at most the sum of ``z`` over ``i`` and later users of ``j``, the ``y`` of a
   request sum to at most 1, and at each arrival the bytes of all ``z`` whose stay covers it sum to
   at most the capacity. Its optimum bounds every run. The form is that of Berger, Beckmann and
   Harchol-Balter, "Practical bounds on optimal caching with variable object sizes", SIGMETRICS
   2018, with the donor left open.
4. *Its dual.* For any prices ``rent(t) >= 0`` of a byte at an arrival and ``cover(i) >= 0`` of a
   request, capacity x rents + covers + the best profit of each entry over how long it stays is at
   least that optimum (weak duality). Every step of the search below is thus a bound; the least is
   returned. Stopping early makes it larger, never wrong.

Where entries may be trimmed, the step latents and the rest are two entries with savings of their
own: a relaxation. Not covered, and refused: reuse rules that learn, and capacities that change. Not
covered, and rare: a request that waited for an identical run whose result was then not kept may
start later than step 2 allows. Cost: O(edges) per step of the search. The file is long because the
argument stands beside the numbers it is about.
"""

import heapq
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.entry import NO_WINDOW, EntryForm, Query
from chorus_policies.parts import QualityWatcher, Reuse
from chorus_policies.plan import Fresh, Plan, reused_steps
from chorus_policies.policy import Policy
from chorus_policies.similarity import QUANTA, floor_quanta
from chorus_sim.clairvoyant import complete_donor
from chorus_sim.experiment import Prepared
from chorus_sim.graph import SimilarityGraph
from chorus_sim.price import denoising_s, srd_steps_s
from chorus_sim.rent_dual import FloatArray, Uses, least_bound
from chorus_sim.workload import Workload
from chorus_traces.errors import ScenarioError
from chorus_traces.what_if import preloaded_requests


class UpperBound(msgspec.Struct, frozen=True, kw_only=True):
    """No run saves more than ``saved_s`` GPU-seconds; ``unlimited_s`` holds for any capacity."""

    saved_s: float
    unlimited_s: float


def saved_at_most(prepared: Prepared, first: int = 0) -> UpperBound | None:
    """Return the proven bound on what requests from ``first`` on save, under any eviction.

    ``None`` where it is not defined: the reuse rule learns, or the capacity changes.
    """
    if not is_bounded(prepared.policy):
        return None
    return upper_bound(
        prepared.workload,
        prepared.graph,
        prepared.policy,
        prepared.gpus,
        sum(tier.capacity_bytes for tier in prepared.tiers),
        first=first,
        preloaded=preloaded_requests(prepared.trace),
    )


def is_bounded(policy: Policy) -> bool:
    """Tell whether the argument covers the policy: its reuse rule and its capacity stay as set."""
    learns = isinstance(policy.reuse(seed=0), QualityWatcher)
    return not learns and policy.tables["sizing"]["kind"] == "fixed"


def upper_bound(
    workload: Workload,
    graph: SimilarityGraph,
    policy: Policy,
    gpus: int,
    capacity_bytes: int,
    *,
    first: int = 0,
    preloaded: int = 0,
) -> UpperBound:
    """Return the bound on what requests from number ``first`` on save against no cache.

    The first ``preloaded`` requests fill the cache beforehand and are not counted.

    Raises ``ScenarioError`` where ``is_bounded`` says no.
    """
    reuse = policy.reuse(seed=0)
    if not is_bounded(policy):
        raise ScenarioError(
            f"{policy.name}: the upper bound needs a reuse rule that does not learn and a fixed "
            "capacity; choose bounds 'basic' or another policy"
        )
    granted = _granted(workload)
    savings = _Savings(workload, graph, policy.form, reuse)
    counted = np.arange(len(workload)) >= first
    ready, latest_start = _latest(workload, gpus, savings)
    shortest = _shortest(workload, savings, granted)
    savings.full_s[granted[savings.row] | ~counted[savings.row]] = 0.0
    if not policy.form.in_flight:
        stored = workload.arrivals + np.where(np.arange(len(workload)) < preloaded, 0.0, shortest)
        savings.full_s[stored[savings.donor] > latest_start[savings.row]] = 0.0
    uses = _uses(savings, policy.form, workload, ready, latest_start, shortest)
    overhead = workload.embed + workload.lookup
    gift = np.where(granted, workload.uncached_service_s(), -overhead)[counted].sum()
    best = np.zeros(len(workload))
    np.maximum.at(best, savings.row, savings.full_s)
    unlimited = float(best.sum())
    limited = min(unlimited, least_bound(uses, len(workload), float(capacity_bytes)))
    return UpperBound(saved_s=float(gift) + limited, unlimited_s=float(gift) + unlimited)


def _granted(workload: Workload) -> npt.NDArray[np.bool_]:
    """Tell which requests have an earlier identical one."""
    seen: set[tuple[str | None, str]] = set()
    granted = np.zeros(len(workload), dtype=np.bool_)
    for place, query in enumerate(workload.queries):
        if query.identity is not None:
            granted[place] = (query.namespace, query.identity) in seen
            seen.add((query.namespace, query.identity))
    return granted


class _Savings:
    """Per edge of the graph: seconds saved with a complete donor, and by full reuse alone.

    ``latest_k1`` is, per request, the latest step its own result can begin at, ``longer_s`` the
    seconds by which SRD of a large region may take longer than no reuse.
    """

    def __init__(
        self, workload: Workload, graph: SimilarityGraph, form: EntryForm, reuse: Reuse
    ) -> None:
        requests = len(workload)
        self.row = np.repeat(np.arange(requests), np.diff(graph.row_start))
        self.donor = graph.neighbour.astype(np.int64)
        self.full_s, self.core_s = np.zeros(graph.edges), np.zeros(graph.edges)
        self.latest_k1 = np.zeros(requests, dtype=np.int64)
        self.longer_s = np.zeros(requests)
        known: dict[tuple[object, ...], _Saving] = {}
        self.spans = {query.steps: reuse.span(query.steps) for query in workload.queries}
        floor, quanta = floor_quanta(reuse.floor()), graph.quanta.tolist()
        spread, region = workload.spread.tolist(), workload.region.tolist()
        for edge, place in enumerate(self.row.tolist()):
            if quanta[edge] < floor:
                continue
            query, number = workload.queries[place], int(workload.profile_of[place])
            key = (number, query.steps, quanta[edge], query.marks)
            if key not in known:
                donor = complete_donor(query, form, reuse, query.marks)
                plan = reuse.plan(query, [(donor, quanta[edge] / QUANTA)], 0.0)
                known[key] = _saving(plan, query, workload, number)
            saving = known[key]
            saved_s = saving.saved_s - saving.srd_s * (region[place] - 1.0)
            self.longer_s[place] = max(self.longer_s[place], -saved_s * spread[place])
            self.full_s[edge] = max(saved_s, saving.core_s) * spread[place]
            self.core_s[edge] = saving.core_s * spread[place]
            self.latest_k1[place] = max(self.latest_k1[place], saving.k1)


class _Saving(NamedTuple):
    """Mean seconds saved by a plan, those by full reuse to its ``k1`` alone, and of its SRD."""

    saved_s: float
    core_s: float
    srd_s: float
    k1: int


def _saving(plan: Plan, query: Query, workload: Workload, number: int) -> _Saving:
    if isinstance(plan, Fresh):
        return _Saving(0.0, 0.0, 0.0, 0)
    profile = workload.profiles[number]
    everything = denoising_s(Fresh(reason=""), query.steps, profile)
    k1, _ = reused_steps(plan)
    saved_s = everything - denoising_s(plan, query.steps, profile)
    core_s = k1 * profile.full_step.mean_s
    return _Saving(saved_s, core_s, srd_steps_s(plan, query.steps, profile), k1)


def _latest(workload: Workload, gpus: int, savings: _Savings) -> tuple[FloatArray, FloatArray]:
    """Return instants by which each result is stored, and each request started, in every run."""
    longest = workload.uncached_service_s() + workload.embed + workload.lookup
    for place, query in enumerate(workload.queries):
        profile = workload.profiles[int(workload.profile_of[place])]
        denoise_s = denoising_s(Fresh(reason=""), query.steps, profile)
        first, last = savings.spans[query.steps]
        moved = max(query.result_bytes, query.latent_bytes * (2 + max(0, last - first + 1)))
        rates = profile.tiers.values()
        longest[place] += profile.tgaa_share * denoise_s * workload.spread[place]
        longest[place] += savings.longer_s[place]
        longest[place] += max(rate.latency_s + moved / rate.load_bytes_per_s for rate in rates)
        longest[place] += max(rate.latency_s + moved / rate.store_bytes_per_s for rate in rates)
    free = [-np.inf] * gpus
    ready = np.empty(len(workload))
    for place, arrival in enumerate(workload.arrivals.tolist()):
        start = max(arrival, heapq.heappop(free))
        ready[place] = start + longest[place]
        heapq.heappush(free, ready[place])
    return ready, ready - longest


def _shortest(workload: Workload, savings: _Savings, granted: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the seconds a request holds its GPU at least, in any run; shape ``(requests,)``."""
    most = np.zeros(len(workload))
    np.maximum.at(most, savings.row, savings.full_s)
    shortest = np.where(granted, 0.0, workload.uncached_service_s() - most)
    return np.maximum(shortest, 0.0)


def _uses(
    savings: _Savings,
    form: EntryForm,
    workload: Workload,
    ready: FloatArray,
    latest_start: FloatArray,
    shortest: FloatArray,
) -> Uses:
    requests = len(workload)
    whole, core = _sizes(savings, form, workload)
    pieces = [(savings.full_s, whole, 0)]
    if form.trim:
        window_s = savings.full_s - np.minimum(savings.full_s, savings.core_s)
        pieces = [
            (np.minimum(savings.full_s, savings.core_s), core, 0),
            (window_s, whole - core, requests),
        ]
    columns = []
    for saving_s, size, offset in pieces:
        kept = np.flatnonzero(saving_s > 0)
        kept = kept[np.lexsort((savings.row[kept], savings.donor[kept]))]
        donor, row = savings.donor[kept], savings.row[kept]
        begin = np.searchsorted(workload.arrivals, np.minimum(ready[donor], latest_start[row]))
        end = np.searchsorted(workload.arrivals, (workload.arrivals + shortest)[row])
        columns.append(
            (donor + offset, row + offset, saving_s[kept], size[donor], np.minimum(begin, end), end)
        )
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    return Uses(
        entry=joined[0],
        share=joined[1],
        saving_s=joined[2],
        size=joined[3],
        begin=joined[4],
        end=joined[5],
    )


def _sizes(savings: _Savings, form: EntryForm, workload: Workload) -> tuple[FloatArray, FloatArray]:
    """Return the least bytes of each result, whole and without step latents."""
    spans = savings.spans
    whole = [
        form.size_bytes(form.window(spans[query.steps], int(k1)), query)
        for query, k1 in zip(workload.queries, savings.latest_k1, strict=True)
    ]
    core = [form.size_bytes(NO_WINDOW, query) for query in workload.queries]
    return np.array(whole, dtype=np.float64), np.array(core, dtype=np.float64)
