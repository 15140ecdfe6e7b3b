"""The runs of a prepared scenario: its policy, no cache, and the bounds.

All runs share one workload, so they see the same requests with the same luck.
"""

import time
from typing import Any

from chorus_policies.cache import Cache
from chorus_policies.journal import Journal
from chorus_policies.parts import SimilarityIndex
from chorus_policies.policy import PartsMaker
from chorus_policies.tier import TierSpec
from chorus_sim.clairvoyant import ClairvoyantIndex, ClairvoyantPolicy, Future
from chorus_sim.compiled.supported import numba_missing, unsupported_policy, unsupported_scenario
from chorus_sim.experiment import Prepared
from chorus_sim.graph_index import GraphIndex
from chorus_sim.judge import judge_of
from chorus_sim.judgements import verdicts_of
from chorus_sim.preload import serve
from chorus_sim.quantities import parse_warm_up
from chorus_sim.statistics import mser5
from chorus_sim.stopped import StoppedError
from chorus_sim.summary import Run, TierUse
from chorus_traces.what_if import preloaded_requests

#: Bytes of a tier that never fills.
_UNBOUNDED = 2**62


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
    if journal is not None and journal.keeps and note is None:
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
    return _run(prepared, cache, tiers, note, policy)


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
    prepared: Prepared,
    cache: Cache | None,
    tiers: tuple[TierSpec, ...],
    note: str = "",
    policy: PartsMaker | None = None,
) -> Run:
    preloaded = preloaded_requests(prepared.trace)
    judge = None if policy is None else judge_of(prepared.scenario, prepared.trace)
    begin = time.process_time()
    served = serve(prepared.workload, prepared.gpus, cache, preloaded, judge)
    cpu_s = time.process_time() - begin
    verdicts = None
    if judge is not None and policy is not None:
        verdicts = verdicts_of(judge, policy, prepared.workload.queries, served.plan)
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
        verdicts=verdicts,
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
