"""Carry out a run with the compiled loop."""

import time
from typing import Any

import msgspec
import numpy as np

from chorus_policies.policy import Policy
from chorus_policies.tier import TierSpec
from chorus_sim.compiled.answers import no_answers
from chorus_sim.compiled.columns import ServedColumns
from chorus_sim.compiled.evictions import bundle, fifo, gdsf, lru, superseded, worth
from chorus_sim.compiled.evictions.setting import EvictionSetting
from chorus_sim.compiled.line import empty_line
from chorus_sim.compiled.loop import idle_fleet, serve
from chorus_sim.compiled.request_columns import RequestColumns
from chorus_sim.compiled.residents import EVICTED, EVICTIONS, OCCUPIED, no_residents
from chorus_sim.compiled.shared import Shared, Tables
from chorus_sim.compiled.start import GraphColumns
from chorus_sim.graph import SimilarityGraph

_EVICTIONS: dict[str, Any] = {
    "bundle": bundle.make,
    "fifo": fifo.make,
    "lru": lru.make,
    "superseded": superseded.make,
    "gdsf": gdsf.make,
    "worth": worth.make,
}


class CompiledRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the loop left: the requests' columns, bytes, and the CPU time of the loop alone."""

    served: ServedColumns
    occupied_bytes: int
    evicted_bytes: int
    evictions: int
    cpu_s: float


def run_compiled(
    shared: Shared,
    policy: Policy,
    first_tier: TierSpec,
    tier: TierSpec | None,
    graph: SimilarityGraph,
    gpus: int,
) -> CompiledRun:
    """Run ``policy`` over one tier, both known to ``supported``; without ``tier``, uncached."""
    cached = tier is not None
    tables = shared.tables(policy, first_tier, cached=cached)
    gated = cached and policy.tables["reuse"]["lexical"] != "off"
    columns = GraphColumns(
        _fixed(graph.row_start),
        _fixed(graph.neighbour),
        _fixed(graph.quanta),
        _fixed(shared.words_differ(graph) if gated else np.zeros(1, np.bool_)),
    )
    requests = shared.cached if cached else shared.uncached
    capacity = 0 if tier is None else tier.capacity_bytes
    return _run(requests, shared, tables, columns, policy, gpus, capacity, cached=cached)


def _run(
    requests: RequestColumns,
    shared: Shared,
    tables: Tables,
    columns: GraphColumns,
    policy: Policy,
    gpus: int,
    capacity: int,
    *,
    cached: bool,
) -> CompiledRun:
    count = len(requests.arrival)
    eviction = dict(policy.tables["eviction"]) if cached else {"kind": "fifo"}
    make = _EVICTIONS[eviction.pop("kind")]
    options = tables.options
    every = (options.size_bytes, options.bytes_in_flight, options.core_bytes)
    sizes = np.unique(np.concatenate([bytes_.ravel() for bytes_ in every]))

    def parts(requests_: int) -> tuple[Any, ...]:
        setting = EvictionSetting(
            requests=requests_,
            owner_of=requests.owner_of[:requests_],
            identity_of=requests.identity_of[:requests_],
            sizes=sizes,
            trims=policy.form.shrinks,
        )
        identities = int(requests.identity_of.max(initial=-1)) + 1
        return (
            make(eviction, setting),
            no_residents(requests_, identities),
            no_answers(requests_),
            empty_line(requests_, identities),
            idle_fleet(gpus),
            capacity,
            cached,
        )

    # An empty run first: it compiles the loop or reads it from disk, which is no time of the run.
    nobody: Any = [column[:0] for column in requests]
    serve(RequestColumns(*nobody), options, columns, tables.rule, *parts(0))
    arguments = parts(count)
    begin = time.process_time()
    serve(requests, options, columns, tables.rule, *arguments)
    cpu_s = time.process_time() - begin
    _, residents, answers, *_ = arguments
    return CompiledRun(
        served=ServedColumns(answers, shared.classes.class_of, options, tables.plans),
        occupied_bytes=int(residents.totals[OCCUPIED]),
        evicted_bytes=int(residents.totals[EVICTED]),
        evictions=int(residents.totals[EVICTIONS]),
        cpu_s=cpu_s,
    )


def _fixed(array: Any) -> Any:
    """Return a view that cannot be written: memory-mapped or not, one compilation serves."""
    view = np.asarray(array).view(np.ndarray)
    view = view[:]
    view.flags.writeable = False
    return view
