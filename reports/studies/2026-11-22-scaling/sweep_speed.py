"""200 configurations over 50,000 requests with the graph built: ``sweep_speed.py OUT.json ENGINE``.

Two policies, ten capacities and ten fleets, on two processes; each prepares the trace once. The
requests are generated and embedded by all-MiniLM-L6-v2. With ENGINE ``simpy`` 20 of them.
"""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from growth import FITTED_TO

from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.scenario import CacheSection, FleetSection, RunSection, Scenario
from chorus_sim.summary import summarise
from chorus_traces.embedding import embed_trace
from chorus_traces.synth import generate

POLICIES = ("lru", "adaptive")
CAPACITIES = tuple(f"{2**place}GiB" for place in range(10))
FLEETS = tuple(range(4, 24, 2))


def scenario(policy: str, capacity: str, gpus: int, engine: str) -> Scenario:
    """Return one configuration."""
    return Scenario(
        policy=policy,
        cache=CacheSection(capacity=capacity),
        fleet=FleetSection(gpus=gpus),
        run=RunSection(engine=engine),
    )


def work(points: list[tuple[str, str, int]], engine: str) -> dict[str, list[float]]:
    """Run a share of the configurations; return CPU seconds of each part of the work."""
    begin = time.process_time()
    trace = embed_trace(generate(FITTED_TO, seed=7))
    loaded = time.process_time()
    first = prepare(scenario(*points[0], engine), trace)
    took: dict[str, list[float]] = {
        "load_trace": [loaded - begin],
        "prepare": [time.process_time() - loaded],
    }
    baselines = {}
    for point in points:
        begin = time.process_time()
        one: Prepared = vary(first, scenario(*point, engine))
        if point[2] not in baselines:
            baselines[point[2]] = run_uncached(one)
        run = run_policy(one)
        _, cut = warm_up_cut(one, run)
        table = summarise(
            run, baselines[point[2]], cut=cut, slo_s=one.slo_s, prices=one.scenario.prices
        )
        took.setdefault("hit_ratio", []).append(table["request_hit_ratio"])
        took.setdefault(f"loop {point[0]}", []).append(run.cpu_s)
        took.setdefault("whole", []).append(time.process_time() - begin)
    return took


def main() -> None:
    """Time the sweep."""
    out, engine = Path(sys.argv[1]), sys.argv[2]
    points = list(product(POLICIES, CAPACITIES, FLEETS))
    if engine == "simpy":
        points = points[::10]
    begin = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(work, [points[::2], points[1::2]], [engine] * 2))
    wall_s = time.perf_counter() - begin
    merged: dict[str, list[float]] = {}
    for part in parts:
        for name, values in part.items():
            merged.setdefault(name, []).extend(values)
    loops = {name: values for name, values in merged.items() if name.startswith("loop")}
    found = {
        "engine": engine,
        "configurations": len(points),
        "requests": FITTED_TO.requests,
        "wall_s": wall_s,
        "cpu_s": {name: sum(merged[name]) for name in ("load_trace", "prepare", "whole")},
        "requests_per_cpu_s": {
            name.removeprefix("loop "): FITTED_TO.requests * len(values) / sum(values)
            for name, values in loops.items()
        },
        "hit_ratio": [min(merged["hit_ratio"]), max(merged["hit_ratio"])],
    }
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
