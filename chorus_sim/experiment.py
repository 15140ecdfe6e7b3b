"""One scenario carried out: prepare once, run the policy and its bounds, summarise.

All runs share one workload, so they see the same requests with the same luck.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.journal import Journal
from chorus_policies.parts import SimilarityIndex
from chorus_policies.policy import PartsMaker, Policy, load_policy
from chorus_policies.tier import TierSpec
from chorus_sim.clairvoyant import ClairvoyantIndex, ClairvoyantPolicy, Future
from chorus_sim.fleet import auto_gpus
from chorus_sim.graph import SimilarityGraph, cached_graph
from chorus_sim.graph_index import GraphIndex
from chorus_sim.model import Model
from chorus_sim.quantities import capacity_bytes, parse_warm_up, slo_seconds
from chorus_sim.scenario import Scenario
from chorus_sim.statistics import mser5
from chorus_sim.summary import Run, TierUse
from chorus_sim.workload import Workload, make_workload
from chorus_traces.cache_folder import cache_folder
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace

#: The graph is built down to this similarity, so that policies with other tables share it.
GRAPH_FLOOR = 0.65

#: Bytes of a tier that never fills.
_UNBOUNDED = 2**62

#: Told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario with everything resolved that its runs share."""

    scenario: Scenario
    trace: Trace
    book: ProfileBook
    policy: Policy
    workload: Workload
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
    workload = make_workload(
        trace,
        book,
        scenario.deployment,
        forced=scenario.workload.shape == "profile",
        seed=scenario.run.seed,
        tier=scenario.cache.tier,
    )
    method, number = parse_warm_up(scenario.run.warm_up)
    if method == "count" and number >= len(trace):
        raise ScenarioError(
            f"run.warm_up is {number:.0f} of {len(trace)} requests; fewer must be discarded"
        )
    tiers = _tiers(scenario, policy, workload)
    graph = _graph(trace, workload, policy, progress)
    gpus = scenario.fleet.gpus
    return Prepared(
        scenario=scenario,
        trace=trace,
        book=book,
        policy=policy,
        workload=workload,
        graph=graph,
        gpus=auto_gpus(workload) if gpus == "auto" else gpus,
        tiers=tiers,
        slo_s=slo_seconds(
            scenario.slo.target, mean_service_s=float(workload.uncached_service_s().mean())
        ),
    )


def vary(prepared: Prepared, scenario: Scenario) -> Prepared:
    """Return ``prepared`` under another policy and other capacities; all else is shared.

    ``scenario`` differs from the prepared one in ``policy`` and ``cache`` alone.
    """
    policy, _ = check_names(scenario)
    graph = prepared.graph
    if policy.reuse(seed=0).floor() < graph.floor:
        graph = _graph(prepared.trace, prepared.workload, policy, None)
    return msgspec.structs.replace(
        prepared,
        scenario=scenario,
        policy=policy,
        graph=graph,
        tiers=_tiers(scenario, policy, prepared.workload),
    )


def run_uncached(prepared: Prepared) -> Run:
    """Run without a cache: the lower bound, and what savings are measured against."""
    return _run(prepared, None, ())


def run_policy(prepared: Prepared, journal: Journal) -> Run:
    """Run the scenario's policy, writing ``journal``."""
    index = GraphIndex(prepared.graph)
    return _cached(prepared, prepared.policy, prepared.tiers, index, journal)


def run_unbounded(prepared: Prepared) -> Run:
    """Run the policy's reuse with a cache that never evicts.

    Not a proven bound: under similarity a larger cache can hit less.
    """
    tiers = (TierSpec(name=prepared.tiers[0].name, capacity_bytes=_UNBOUNDED),)
    index = GraphIndex(prepared.graph)
    return _cached(prepared, prepared.policy, tiers, index, Journal(keep=False))


def run_clairvoyant(prepared: Prepared) -> Run:
    """Run the policy's reuse with greedy eviction that knows the future (a heuristic bound)."""
    future = Future(prepared.graph, prepared.workload, prepared.policy)
    policy = ClairvoyantPolicy(prepared.policy, future)
    index = ClairvoyantIndex(prepared.graph, future)
    return _cached(prepared, policy, prepared.tiers, index, Journal(keep=False))


def warm_up_cut(prepared: Prepared, run: Run) -> tuple[dict[str, Any], int]:
    """Return how the warm-up was chosen, and how many leading requests it discards."""
    method, number = parse_warm_up(prepared.scenario.run.warm_up)
    responses = run.responses()
    suggested = mser5(responses)
    cuts = {
        "none": 0,
        "mser5": suggested,
        "count": int(number),
        "share": int(number * len(responses)),
    }
    cut = cuts[method]
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


def _tiers(scenario: Scenario, policy: Policy, workload: Workload) -> tuple[TierSpec, ...]:
    """Return the tiers in bytes; the first must hold any single entry."""
    form, reuse = policy.form, policy.reuse(seed=0)
    sizes = [
        form.size_bytes(form.window(reuse.span(query.steps), 0), query)
        for query in workload.queries
    ]
    footprint = sum(sizes)
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
    if tiers[0].capacity_bytes < max(sizes):
        raise ScenarioError(
            f"capacity {cache.capacity} ({tiers[0].capacity_bytes / 2**20:.1f} MiB) is smaller "
            f"than one entry ({max(sizes) / 2**20:.1f} MiB in form {form.kind!r}); "
            f"give at least {-(-max(sizes) // 2**20)}MiB, or entry form 'compact'"
        )
    for profile in workload.profiles:
        for tier in tiers:
            profile.rate_of(tier.name)
    return tiers


def _cached(
    prepared: Prepared,
    policy: PartsMaker,
    tiers: tuple[TierSpec, ...],
    index: SimilarityIndex,
    journal: Journal,
) -> Run:
    seed, ghosts = prepared.scenario.run.seed, GraphIndex(prepared.graph)
    cache = Cache(policy, tiers, index, journal, seed=seed, ghost_index=ghosts)
    return _run(prepared, cache, tiers)


def _run(prepared: Prepared, cache: Cache | None, tiers: tuple[TierSpec, ...]) -> Run:
    model = Model(prepared.workload, prepared.gpus, cache)
    begin = time.process_time()
    served = model.run()
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
    )


def _mean_capacity(cache: Cache | None, tier: TierSpec, end_s: float) -> float | None:
    """Return the capacity of a tier averaged over the run; ``None`` where it has no bound."""
    if cache is None or tier.capacity_bytes == _UNBOUNDED:
        return None
    changes = cache.capacity_changes(tier.name)
    ends = [instant for instant, _ in changes[1:]] + [max(end_s, changes[-1][0])]
    spans = [stop - start for (start, _), stop in zip(changes, ends, strict=True)]
    held = sum(span * size for span, (_, size) in zip(spans, changes, strict=True))
    return held / sum(spans) if sum(spans) else float(changes[-1][1])
