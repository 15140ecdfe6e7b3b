"""One scenario carried out: prepare once, run the policy and its bounds, summarise.

All runs share one workload, so they see the same requests with the same luck.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.journal import Journal
from chorus_policies.parts import SimilarityIndex
from chorus_policies.policy import PartsMaker, Policy, load_policy
from chorus_policies.tier import TierSpec
from chorus_sim.clairvoyant import ClairvoyantIndex, ClairvoyantPolicy, Future
from chorus_sim.compiled.shared import Shared
from chorus_sim.compiled.supported import numba_missing, unsupported_policy, unsupported_scenario
from chorus_sim.fleet import auto_gpus
from chorus_sim.graph import SimilarityGraph, cached_graph
from chorus_sim.graph_index import GraphIndex
from chorus_sim.preload import serve
from chorus_sim.quantities import capacity_bytes, parse_warm_up, slo_seconds
from chorus_sim.scenario import Scenario
from chorus_sim.statistics import mser5
from chorus_sim.stopped import StoppedError
from chorus_sim.summary import Run, TierUse
from chorus_sim.workload import Workload, make_workload
from chorus_traces.cache_folder import cache_folder
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace
from chorus_traces.what_if import preloaded_requests

#: The graph is built down to this similarity, so that policies with other tables share it.
GRAPH_FLOOR = 0.65

#: Bytes of a tier that never fills.
_UNBOUNDED = 2**62

#: Told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario with everything resolved that its runs share.

    ``shared`` is what is made of the workload alone; scenarios on one workload share it.
    """

    scenario: Scenario
    trace: Trace
    book: ProfileBook
    policy: Policy
    workload: Workload
    shared: Shared
    graph: SimilarityGraph
    gpus: int
    tiers: tuple[TierSpec, ...]
    slo_s: float


def check_names(scenario: Scenario) -> tuple[Policy, ProfileBook]:
    """Return the policy and the profiles the scenario names; cheap, so it is asked first.

    Raises ``PolicyError`` and ``ProfileError``.
    """
    names = tuple(name.strip() for name in scenario.profile.split(","))
    return load_policy(scenario.policy), ProfileBook(names)


def prepare(scenario: Scenario, trace: Trace, progress: Progress | None = None) -> Prepared:
    """Check the scenario against its trace, and build what the runs share.

    ``trace`` carries embeddings. Raises ``ChorusError`` on anything that does not fit.
    """
    policy, book = check_names(scenario)
    return assemble(scenario, trace, policy, book, progress)


def assemble(
    scenario: Scenario,
    trace: Trace,
    policy: Policy,
    book: ProfileBook,
    progress: Progress | None = None,
) -> Prepared:
    """Prepare with the policy and the profiles given, which the scenario names.

    Raises ``ChorusError`` as ``prepare`` does.
    """
    _check_warm_up(scenario, trace)
    workload = workload_of(scenario, trace, book)
    shared = Shared(workload)
    tiers = _tiers(scenario, policy, shared)
    graph = _graph(trace, workload, policy, progress)
    return _put_together(scenario, trace, policy, book, shared, graph, tiers)


def vary(prepared: Prepared, scenario: Scenario) -> Prepared:
    """Return ``prepared`` under another scenario on the same trace; what is equal is shared."""
    policy, book = check_names(scenario)
    return revise(prepared, scenario, policy, book)


def revise(prepared: Prepared, scenario: Scenario, policy: Policy, book: ProfileBook) -> Prepared:
    """Vary with the policy and the profiles given, which the scenario names.

    The workload is shared unless its own fields change (``workload_fields``); the graph is shared
    unless namespaces change or the policy asks for lower similarities than it holds. A graph with
    a lower floor gives the same answers.
    """
    workload, graph, trace = prepared.workload, prepared.graph, prepared.trace
    _check_warm_up(scenario, trace)
    if workload_fields(scenario) != workload_fields(prepared.scenario):
        workload = workload_of(scenario, trace, book)
    else:
        book = prepared.book
    shared = prepared.shared if workload is prepared.workload else Shared(workload)
    tiers = _tiers(scenario, policy, shared)
    same_spaces = np.array_equal(workload.namespace_of, prepared.workload.namespace_of)
    if not same_spaces or policy.reuse(seed=0).floor() < graph.floor:
        graph = _graph(trace, workload, policy, None)
    return _put_together(scenario, trace, policy, book, shared, graph, tiers)


def workload_fields(scenario: Scenario) -> tuple[object, ...]:
    """Return the fields that a workload is made from, beside its trace."""
    return (
        scenario.profile,
        scenario.workload,
        scenario.deployment,
        scenario.run.seed,
        scenario.cache.tier,
    )


def workload_of(scenario: Scenario, trace: Trace, book: ProfileBook) -> Workload:
    """Return the workload of a trace under a scenario, on the profiles it names."""
    return make_workload(
        trace,
        book,
        scenario.deployment,
        forced=scenario.workload.shape == "profile",
        seed=scenario.run.seed,
        tier=scenario.cache.tier,
    )


def _check_warm_up(scenario: Scenario, trace: Trace) -> None:
    method, number = parse_warm_up(scenario.run.warm_up)
    measured = len(trace) - preloaded_requests(trace)
    if method == "count" and number >= measured:
        raise ScenarioError(
            f"run.warm_up is {number:.0f} of {measured} requests; fewer must be discarded"
        )


def _put_together(
    scenario: Scenario,
    trace: Trace,
    policy: Policy,
    book: ProfileBook,
    shared: Shared,
    graph: SimilarityGraph,
    tiers: tuple[TierSpec, ...],
) -> Prepared:
    gpus, workload = scenario.fleet.gpus, shared.workload
    return Prepared(
        scenario=scenario,
        trace=trace,
        book=book,
        policy=policy,
        workload=workload,
        shared=shared,
        graph=graph,
        gpus=auto_gpus(workload) if gpus == "auto" else gpus,
        tiers=tiers,
        slo_s=slo_seconds(scenario.slo.target, mean_service_s=shared.mean_uncached_service_s),
    )


def run_uncached(prepared: Prepared) -> Run:
    """Run without a cache: the lower bound, and what savings are measured against."""
    note = _why_simpy(prepared, prepared.tiers[:1])
    if note is None:
        return _compiled(prepared, None)
    return _run(prepared, None, (), note)


def run_policy(prepared: Prepared, journal: Journal | None = None) -> Run:
    """Run the scenario's policy, writing ``journal`` where one is given that keeps its rows.

    The scenario's engine carries it out. SimPy does so where it must: it alone writes journals,
    and it knows every policy; ``engine_note`` of the run says why.
    """
    note = _why_simpy(prepared, prepared.tiers)
    if journal is not None and journal.write == journal.rows.append and note is None:
        note = "a journal is kept"
    if note is None:
        return _compiled(prepared, prepared.tiers[0])
    journal = Journal(keep=False) if journal is None else journal
    index = GraphIndex(prepared.graph)
    try:
        return _cached(prepared, prepared.policy, prepared.tiers, index, journal, note)
    except StoppedError as error:
        error.rows = journal.rows
        raise


def run_unbounded(prepared: Prepared) -> Run:
    """Run the policy's reuse with a cache that never evicts.

    Not a proven bound: under similarity a larger cache can hit less.
    """
    tiers = (TierSpec(name=prepared.tiers[0].name, capacity_bytes=_UNBOUNDED),)
    note = _why_simpy(prepared, tiers)
    if note is None:
        return _compiled(prepared, tiers[0])
    index = GraphIndex(prepared.graph)
    return _cached(prepared, prepared.policy, tiers, index, Journal(keep=False), note)


def run_clairvoyant(prepared: Prepared) -> Run:
    """Run the policy's reuse with greedy eviction that knows the future (a heuristic bound)."""
    future = Future(prepared.graph, prepared.workload, prepared.policy)
    policy = ClairvoyantPolicy(prepared.policy, future)
    index = ClairvoyantIndex(prepared.graph, future)
    return _cached(prepared, policy, prepared.tiers, index, Journal(keep=False))


def warm_up_cut(prepared: Prepared, run: Run) -> tuple[dict[str, Any], int]:
    """Return how the warm-up was chosen, and how many leading requests it discards.

    What is preloaded is discarded before it.
    """
    method, number = parse_warm_up(prepared.scenario.run.warm_up)
    preloaded = preloaded_requests(prepared.trace)
    responses = run.responses()[preloaded:]
    suggested = mser5(responses)
    cuts = {
        "none": 0,
        "mser5": suggested,
        "count": int(number),
        "share": int(number * len(responses)),
    }
    cut = preloaded + cuts[method]
    return {"method": method, "discarded": cut, "mser5_suggests": suggested}, cut


def _graph(
    trace: Trace, workload: Workload, policy: Policy, progress: Progress | None
) -> SimilarityGraph:
    if trace.embeddings is None:
        raise ScenarioError(f"{trace.name}: no embeddings; embed the trace first")
    return cached_graph(
        trace.embeddings,
        workload.namespace_of,
        min(GRAPH_FLOOR, policy.reuse(seed=0).floor()),
        cache_folder() / "graphs",
        None if progress is None else lambda done, total: progress("similarity graph", done, total),
    )


def _tiers(scenario: Scenario, policy: Policy, shared: Shared) -> tuple[TierSpec, ...]:
    """Return the tiers in bytes; the first must hold any single entry."""
    form = policy.form
    footprint, largest = shared.entry_sizes(form, policy.reuse(seed=0))
    cache = scenario.cache
    wanted = [(cache.tier, cache.capacity), *((low.name, low.capacity) for low in cache.below)]
    tiers = tuple(
        TierSpec(
            name=name,
            capacity_bytes=capacity_bytes(text, footprint_bytes=footprint),
            prices=scenario.prices.of_tier(name),
        )
        for name, text in wanted
    )
    if tiers[0].capacity_bytes < largest:
        raise ScenarioError(
            f"capacity {cache.capacity} ({tiers[0].capacity_bytes / 2**20:.1f} MiB) is smaller "
            f"than one entry ({largest / 2**20:.1f} MiB in form {form.kind!r}); "
            f"give at least {-(-largest // 2**20)}MiB, or entry form 'compact'"
        )
    for profile in shared.workload.profiles:
        for tier in tiers:
            profile.rate_of(tier.name)
    return tiers


def _cached(
    prepared: Prepared,
    policy: PartsMaker,
    tiers: tuple[TierSpec, ...],
    index: SimilarityIndex,
    journal: Journal,
    note: str = "",
) -> Run:
    seed, ghosts = prepared.scenario.run.seed, GraphIndex(prepared.graph)
    cache = Cache(policy, tiers, index, journal, seed=seed, ghost_index=ghosts)
    return _run(prepared, cache, tiers, note)


def _why_simpy(prepared: Prepared, tiers: tuple[TierSpec, ...]) -> str | None:
    """Return why SimPy carries a run out ("" where the scenario wants it), else ``None``."""
    if prepared.scenario.run.engine == "simpy":
        return ""
    if preloaded_requests(prepared.trace):
        return "the cache is preloaded"
    unknown = unsupported_scenario(prepared.scenario) or unsupported_policy(prepared.policy, tiers)
    if unknown is not None:
        return f"the compiled engine does not know {unknown}"
    return numba_missing()


def _compiled(prepared: Prepared, tier: TierSpec | None) -> Run:
    """Run on the compiled engine; without ``tier`` there is no cache."""
    from chorus_sim.compiled.engine import run_compiled

    found = run_compiled(
        prepared.shared, prepared.policy, prepared.tiers[0], tier, prepared.graph, prepared.gpus
    )
    end_s = float(found.served.finish.max())
    uses = []
    if tier is not None:
        bounded = tier.capacity_bytes != _UNBOUNDED
        changes = [(0.0, tier.capacity_bytes)]
        uses = [
            TierUse(
                name=tier.name,
                capacity_bytes=tier.capacity_bytes if bounded else None,
                occupied_bytes=found.occupied_bytes,
                mean_capacity_bytes=_mean_over_time(changes, end_s) if bounded else None,
            )
        ]
    return Run(
        served=found.served,
        gpus=prepared.gpus,
        tiers=tuple(uses),
        evicted_bytes=found.evicted_bytes,
        evictions=found.evictions,
        cpu_s=found.cpu_s,
        engine="compiled",
    )


def _run(
    prepared: Prepared, cache: Cache | None, tiers: tuple[TierSpec, ...], note: str = ""
) -> Run:
    preloaded = preloaded_requests(prepared.trace)
    begin = time.process_time()
    served = serve(prepared.workload, prepared.gpus, cache, preloaded)
    cpu_s = time.process_time() - begin
    return Run(
        served=served,
        gpus=prepared.gpus,
        tiers=tuple(
            TierUse(
                name=tier.name,
                capacity_bytes=None if tier.capacity_bytes == _UNBOUNDED else tier.capacity_bytes,
                occupied_bytes=0 if cache is None else cache.occupied_in(tier.name),
                mean_capacity_bytes=_mean_capacity(cache, tier, max(served.finish)),
            )
            for tier in tiers
        ),
        evicted_bytes=0 if cache is None else cache.evicted_bytes,
        evictions=0 if cache is None else cache.evictions,
        cpu_s=cpu_s,
        engine_note=note,
    )


def _mean_capacity(cache: Cache | None, tier: TierSpec, end_s: float) -> float | None:
    """Return the capacity of a tier averaged over the run; ``None`` where it has no bound."""
    if cache is None or tier.capacity_bytes == _UNBOUNDED:
        return None
    return _mean_over_time(cache.capacity_changes(tier.name), end_s)


def _mean_over_time(changes: list[tuple[float, int]], end_s: float) -> float:
    ends = [instant for instant, _ in changes[1:]] + [max(end_s, changes[-1][0])]
    spans = [stop - start for (start, _), stop in zip(changes, ends, strict=True)]
    held = sum(span * size for span, (_, size) in zip(spans, changes, strict=True))
    return held / sum(spans) if sum(spans) else float(changes[-1][1])
