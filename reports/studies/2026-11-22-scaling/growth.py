"""One size of the growth table: ``growth.py REQUESTS OUT.json``, in a process of its own.

A month of one service with more and more users: generate, embed (stand-in), similarity graph, and
runs. Each stage's wall and CPU seconds and the process's peak memory after it are written down.
"""

import dataclasses
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from stand_in import StandIn

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.journal import Journal
from chorus_policies.namespace import Deployment
from chorus_sim.experiment import prepare, vary
from chorus_sim.graph import cached_graph
from chorus_sim.runs import run_policy, run_uncached
from chorus_sim.scenario import CacheSection, RunSection, Scenario
from chorus_sim.workload import make_workload
from chorus_traces.cache_folder import cache_folder
from chorus_traces.embedding import embed_trace
from chorus_traces.synth import SynthSpec, generate

HOURS = 720.0
FLOOR = 0.65
#: What the stand-in is fitted to; MiniLM takes minutes for it, once.
FITTED_TO = SynthSpec(name="fitted", requests=50_000, requests_per_hour=69.4444)

STAGES: dict[str, dict[str, float]] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Note what the block took."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    STAGES[name] = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_gib": peak / 2**30,
    }
    sys.stderr.write(f"{name} {STAGES[name]}\n")


def spec(requests: int) -> SynthSpec:
    """Return a month of ``requests``."""
    return SynthSpec(
        name=f"month-{requests}", requests=requests, requests_per_hour=requests / HOURS
    )


def main() -> None:
    """Measure one size."""
    requests, out = int(sys.argv[1]), Path(sys.argv[2])
    stand_in = StandIn(embed_trace(generate(FITTED_TO, seed=7)))
    with stage("generate"):
        trace = generate(spec(requests), seed=11)
    with stage("embed"):
        vectors = stand_in.embed([request.prompt for request in trace.requests])
        trace = dataclasses.replace(trace, embeddings=vectors, embedder="stand-in for MiniLM")
    with stage("workload"):
        book = ProfileBook(("wan2.1-1.3b-h200",))
        namespaces = make_workload(trace, book, Deployment(), forced=False, seed=0).namespace_of
    # The machine code is found by now; the graph is built anew in a folder of its own.
    import chorus_sim.compiled.engine  # noqa: F401

    os.environ["CHORUS_CACHE_DIR"] = tempfile.mkdtemp(prefix="growth-")
    with stage("graph"):
        graph = cached_graph(vectors, namespaces, FLOOR, cache_folder() / "graphs")
    with stage("prepare, graph known"):
        scenario = Scenario(policy="lru", run=RunSection(engine="compiled"))
        prepared = prepare(scenario, trace)
    found = {"requests": requests, "edges": graph.edges, "gpus": prepared.gpus, "runs": {}}
    for policy in ("no cache", "lru", "adaptive"):
        name = "lru" if policy == "no cache" else policy
        one = vary(
            prepared,
            msgspec.structs.replace(scenario, policy=name, cache=CacheSection(capacity="1TiB")),
        )
        with stage(f"run {policy}"):
            run = run_uncached(one) if policy == "no cache" else run_policy(one, None)
        found["runs"][policy] = {
            "engine": run.engine,
            "note": run.engine_note,
            "loop_cpu_s": run.cpu_s,
            "requests_per_cpu_s": requests / run.cpu_s,
        }
        if requests <= 100_000 and policy != "no cache":
            slow = msgspec.structs.replace(one.scenario, run=RunSection(engine="simpy"))
            run = run_policy(vary(one, slow), Journal(keep=False))
            found["runs"][policy]["simpy_cpu_s"] = run.cpu_s
    shutil.rmtree(os.environ["CHORUS_CACHE_DIR"])
    found["stages"] = STAGES
    found["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
