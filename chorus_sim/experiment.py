"""A scenario made ready: everything resolved and built that its runs share (``runs``)."""

from collections.abc import Callable

import msgspec
import numpy as np

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.policy import Policy, load_policy
from chorus_policies.tier import TierSpec
from chorus_sim.compiled.shared import Shared
from chorus_sim.fleet import auto_gpus
from chorus_sim.graph import SimilarityGraph, cached_graph
from chorus_sim.quantities import capacity_bytes, parse_warm_up, slo_seconds
from chorus_sim.scenario import Scenario
from chorus_sim.workload import Workload, make_workload
from chorus_traces.cache_folder import cache_folder
from chorus_traces.errors import ScenarioError
from chorus_traces.trace import Trace
from chorus_traces.what_if import preloaded_requests

#: The graph is built down to this similarity, so that policies with other tables share it.
GRAPH_FLOOR = 0.65

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
