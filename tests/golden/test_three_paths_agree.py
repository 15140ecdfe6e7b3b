"""The SimPy run over the graph, over the live index, and a brute-force reference agree."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from golden.reference import Numbers, Reference

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.entry import EntryForm
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.namespace import Deployment
from chorus_policies.plan import Regional, Resume
from chorus_policies.policy import Policy, load_policy
from chorus_policies.tier import TierSpec
from chorus_sim.graph import build_graph
from chorus_sim.graph_index import GraphIndex
from chorus_sim.model import Model
from chorus_sim.served import Served
from chorus_sim.workload import Workload, make_workload
from chorus_traces.read import read_trace
from chorus_traces.trace import Trace

DATA = Path(__file__).parents[2].parent / "shared" / "data"
GPUS = 3
CAPACITY = 12 * 2**30


def real_trace() -> Trace:
    if not DATA.is_dir():
        pytest.skip(f"real prompts are not at {DATA}")
    embeddings = DATA / "real5k.minilm.f16.npy"
    return read_trace(DATA / "real5k.jsonl", embeddings=embeddings)


def sample_trace() -> Trace:
    from chorus_traces.sample import sample_path

    whole = read_trace(sample_path("studio-day"))
    assert whole.embeddings is not None
    head = Trace(name="head", requests=whole.requests[:1500])
    return head.with_embeddings(whole.embeddings[:1500], "minilm")


def decisions(served: Served) -> list[tuple[str, int | None, int, int]]:
    rows = []
    for kind, plan in zip(served.kinds(), served.plan, strict=True):
        donor = getattr(plan, "donor", None)
        k1 = plan.k1 if isinstance(plan, Resume | Regional) else 0
        k2 = plan.k2 if isinstance(plan, Regional) else k1
        rows.append((kind, donor, k1, k2))
    return rows


def numbers(workload: Workload, place: int) -> Numbers:
    profile = workload.profiles[workload.profile_of[place]]
    query = workload.queries[place]
    host = profile.tiers["host"]
    return Numbers(
        arrival=float(workload.arrivals[place]),
        before=float(workload.text_encode[place] + workload.embed[place] + workload.lookup[place]),
        spread=float(workload.spread[place]),
        region=float(workload.region[place]),
        after=float(workload.vae_decode[place] + workload.video_encode[place]),
        steps=query.steps,
        full_step_s=profile.full_step.mean_s,
        srd_curve=[(point.active_share, point.mean_s) for point in profile.srd_step],
        srd_full_every=profile.srd_full_every,
        tgaa_share=profile.tgaa_share,
        latent_bytes=query.latent_bytes,
        result_bytes=query.result_bytes,
        load_latency_s=host.latency_s,
        load_rate=host.load_bytes_per_s,
        store_rate=host.store_bytes_per_s,
        namespace=query.namespace,
    )


def run_both(
    trace: Trace, policy: Policy, capacity: int = CAPACITY
) -> tuple[Workload, dict[str, tuple]]:
    """Run over the graph and over the live index; return decisions, starts and evictions."""
    book = ProfileBook(("wan2.1-1.3b-h200",))
    workload = make_workload(trace, book, Deployment(), forced=False, seed=7)
    # Copies are answered on arrival, which the reference leaves out: no request has an identity.
    workload.queries[:] = [
        msgspec.structs.replace(query, identity=None, embedding=trace.embeddings[place])
        for place, query in enumerate(workload.queries)
    ]
    graph = build_graph(trace.embeddings, workload.namespace_of, 0.65)
    runs = {}
    for name, index in (("graph", GraphIndex(graph)), ("live", MatrixIndex())):
        tiers = (TierSpec(name="host", capacity_bytes=capacity),)
        journal = Journal()
        served = Model(workload, GPUS, Cache(policy, tiers, index, journal)).run()
        evicted = [(row.call, row.key) for row in journal.rows if row.call in ("evict", "trim")]
        runs[name] = (decisions(served), served.start, evicted)
    return workload, runs


@pytest.mark.parametrize("make_trace", [real_trace, sample_trace])
@pytest.mark.parametrize("policy_name", ["lru", "superseded", "renoised"])
def test_every_decision_and_donor_is_the_same_on_all_three_paths(make_trace, policy_name):
    trace = make_trace()
    policy, capacity = load_policy("lru"), CAPACITY
    if policy_name == "superseded":
        policy = load_policy(policy_name)
    if policy_name == "renoised":
        policy = msgspec.structs.replace(policy, form=EntryForm(kind="renoised"))
        capacity = CAPACITY // 20
    workload, runs = run_both(trace, policy, capacity)
    bands = [
        (band["similarity"], band["k1"], band["k2"], band["active_share"], band["amplification"])
        for band in policy.tables["reuse"]["bands"]
    ]
    reference = Reference(
        requests=[numbers(workload, place) for place in range(len(workload))],
        vectors=trace.embeddings,
        bands=bands,
        capacity=capacity,
        gpus=GPUS,
        supersede_at=0.9 if policy_name == "superseded" else None,
        renoised=policy_name == "renoised",
    )
    reference.run()
    expected = [row[:4] for row in reference.decisions]
    kinds = [row[0] for row in expected]
    assert kinds.count("regional") > 100
    assert kinds.count("resume") > (20 if policy_name == "renoised" else 50)
    assert len(reference.evicted) > 500
    assert runs["graph"][0] == expected
    assert runs["live"][0] == expected
    assert [key for _, key in runs["graph"][2]] == reference.evicted
    assert runs["live"][2] == runs["graph"][2]
    np.testing.assert_allclose(runs["graph"][1], [row[4] for row in reference.decisions], rtol=1e-9)
    assert runs["graph"][1] == runs["live"][1]


@pytest.mark.parametrize("make_trace", [real_trace, sample_trace])
@pytest.mark.parametrize("policy_name", ["adaptive", "windowed"])
def test_adaptive_decides_alike_over_the_graph_and_over_the_live_index(make_trace, policy_name):
    _, runs = run_both(make_trace(), load_policy(policy_name))
    assert runs["graph"] == runs["live"]
    calls = [call for call, _ in runs["graph"][2]]
    assert calls.count("trim") > 200
    assert calls.count("evict") > 50
