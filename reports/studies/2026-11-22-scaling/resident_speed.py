"""What a decision costs with 100,000 resident entries: ``resident_speed.py OUT.json [POLICY ...]``.

Requests of 400 tenants of ten users each gather around the same few prompts, so most of them find a
donor. The cache is filled until it evicts; then each of the next requests is a lookup, a hit or a
miss, a store and an eviction (or trim) for it, in the calls a driver makes, over the similarity
graph. Decisions are what the policy answers: a plan, a hit, an admission, a victim. The compiled
twin serves the same requests as a whole simulation, event loop included.
"""

import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from chorus_policies.cache import Cache
from chorus_policies.journal import Journal
from chorus_policies.plan import Fresh
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.graph_index import GraphIndex
from chorus_sim.runs import run_policy
from chorus_sim.scenario import CacheSection, FleetSection, RunSection, Scenario
from chorus_traces.request import Request
from chorus_traces.trace import Trace, unit_rows

RESIDENTS = 100_000
FILLING, MEASURED = 150_000, 100_000
REPEATS = 3
TENANTS, PROMPTS, WIDTH = 400, 1000, 32


def trace(requests: int) -> Trace:
    """Return requests at 10 s intervals, of random tenants, near one of their prompts each."""
    rng = np.random.default_rng(0)
    tenant = rng.integers(0, TENANTS, FILLING + MEASURED)
    # A few prompts of a tenant are asked for often, most of them once.
    rank = (PROMPTS * rng.uniform(size=len(tenant)) ** 3).astype(np.int64)
    topic = tenant * PROMPTS + rank
    apart = rng.normal(size=(len(tenant), WIDTH)) * rng.uniform(0, 0.25, (len(tenant), 1))
    vectors = rng.normal(size=(TENANTS * PROMPTS, WIDTH))[topic] + apart
    return Trace(
        name="residents",
        requests=tuple(
            Request(
                id=str(place),
                arrival_s=10.0 * place,
                prompt="a clip",
                tenant=str(tenant[place]),
                user=str(place % 10),
            )
            for place in range(requests)
        ),
        embeddings=unit_rows(vectors[:requests], where="residents"),
        embedder="none: drawn vectors",
    )


def scenario(policy: str, capacity: str, engine: str) -> Scenario:
    """Return a scenario in which the queue takes no part: a worker is free for every request."""
    return Scenario(
        policy=policy,
        cache=CacheSection(capacity=capacity),
        fleet=FleetSection(gpus=64),
        run=RunSection(engine=engine),
    )


def sized(prepared: Prepared, policy: str) -> Prepared:
    """Return ``prepared`` under ``policy``, its tier holding ``RESIDENTS`` on average, or more."""
    capacity, residents = 2**40, 0.0
    while not RESIDENTS <= residents <= 1.1 * RESIDENTS:
        one = vary(prepared, scenario(policy, f"{capacity}B", "compiled"))
        residents = python_cpu_s(one)[1]
        capacity = round(capacity * 1.03 * RESIDENTS / residents)
    return one


def drive(cache: Cache, prepared: Prepared, first: int, last: int) -> None:
    """Make the calls of a driver that serves one request at a time."""
    queries, arrivals = prepared.workload.queries, prepared.workload.arrivals.tolist()
    for place in range(first, last):
        query, now = queries[place], arrivals[place]
        plan = cache.lookup(query, now)
        if cache.publish_step(query, plan) is not None:
            cache.publish(query, plan, 100.0, now)
        if type(plan) is not Fresh:
            cache.release(plan.donor, now)
        cache.store(query, plan, 100.0, now)


def filled(prepared: Prepared, journal: Journal) -> Cache:
    """Return a cache in steady state."""
    cache = Cache(prepared.policy, prepared.tiers, GraphIndex(prepared.graph), journal)
    drive(cache, prepared, 0, FILLING)
    return cache


def decisions(prepared: Prepared) -> dict[str, int]:
    """Count what the policy answers over the measured requests, in a run with a journal."""
    journal = Journal()
    cache = filled(prepared, journal)
    before = len(journal.rows)
    drive(cache, prepared, FILLING, FILLING + MEASURED)
    rows = Counter(
        (row.call, row.donor >= 0 if row.call == "lookup" else row.answer == cache.first_tier)
        for row in journal.rows[before:]
    )
    offered = "publish" if prepared.policy.form.in_flight else "store"
    return {
        "plans": rows["lookup", True] + rows["lookup", False],
        "hits": rows["lookup", True],
        "admissions": rows[offered, True],
        "victims": rows["evict", True] + rows["trim", True],
    }


def python_cpu_s(prepared: Prepared) -> tuple[float, float]:
    """Return CPU seconds of the measured requests, and the mean number of residents meanwhile."""
    cache = filled(prepared, Journal(keep=False))
    cpu_s, residents = 0.0, []
    for first in range(FILLING, FILLING + MEASURED, MEASURED // 20):
        begin = time.process_time()
        drive(cache, prepared, first, first + MEASURED // 20)
        cpu_s += time.process_time() - begin
        residents.append(len(cache))
    return cpu_s, statistics.mean(residents)


def main() -> None:
    """Measure each policy; the compiled twin's filling is a run of its own and taken off."""
    policies = sys.argv[2:] or ["lru", "adaptive"]
    whole = prepare(scenario("lru", "1TiB", "compiled"), trace(FILLING + MEASURED))
    filling = prepare(scenario("lru", "1TiB", "compiled"), trace(FILLING))
    found = {"edges_per_request": whole.graph.edges / len(whole.trace), "policies": {}}
    for policy in policies:
        one = sized(whole, policy)
        part = vary(filling, one.scenario)
        count = decisions(one)
        runs = [python_cpu_s(one) for _ in range(REPEATS)]
        pairs = [(run_policy(one), run_policy(part)) for _ in range(REPEATS)]
        cpu_s = {
            "python": statistics.median(cpu_s for cpu_s, _ in runs),
            "compiled": statistics.median(all_.cpu_s - fill.cpu_s for all_, fill in pairs),
        }
        each = sum(count.values()) / MEASURED
        found["policies"][policy] = {
            "residents": runs[0][1],
            "engine": pairs[0][0].engine,
            "decisions": count,
            "requests_per_cpu_s": {name: MEASURED / took for name, took in cpu_s.items()},
            "decisions_per_cpu_s": {name: each * MEASURED / took for name, took in cpu_s.items()},
        }
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
