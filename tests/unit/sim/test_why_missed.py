"""Why requests missed: one hand-made trace per cause, then a busy run against a plain oracle."""

import math
from collections import Counter

import numpy as np
import pytest

from chorus_policies.journal import Journal
from chorus_policies.reuse import error_budget
from chorus_sim.experiment import prepare
from chorus_sim.explanation import explain
from chorus_sim.runs import run_clairvoyant, run_policy, run_uncached
from chorus_sim.scenario import CacheSection, FleetSection, Scenario
from chorus_sim.why_missed import CAUSES, why_missed
from chorus_traces.request import Request
from chorus_traces.trace import Trace

#: Long enough for every earlier request to be stored.
GAP_S = 400.0

REJECTING = """
base = "lru"
summary = "lru that refuses donors whose words differ"
[reuse]
lexical = "reject"
"""
SRD_FROM_THE_START = """
base = "lru"
summary = "lru whose lower band resumes from pure noise"
[reuse]
kind = "bands"
[[reuse.bands]]
similarity = 0.95
k1 = 0.4
k2 = 0.8
[[reuse.bands]]
similarity = 0.70
k1 = 0.0
k2 = 0.7
"""


@pytest.fixture(autouse=True)
def _graphs_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path / "cache"))


def trace_of(angles, *, prompts=None, tenants=None, gap_s=GAP_S):
    """Requests whose embeddings point at ``angles`` in degrees."""
    requests = tuple(
        Request(
            id=f"r{place}",
            arrival_s=place * gap_s,
            prompt=prompts[place] if prompts else f"prompt {place}",
            negative_prompt="",
            seed=place,
            tenant=tenants[place] if tenants else "t",
        )
        for place in range(len(angles))
    )
    vectors = np.array([(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in angles])
    return Trace(name="made", requests=requests).with_embeddings(vectors, "angles")


def missed(trace, *, policy="lru", capacity="8GiB", gpus=4):
    scenario = Scenario(
        policy=policy, cache=CacheSection(capacity=capacity), fleet=FleetSection(gpus=gpus)
    )
    prepared = prepare(scenario, trace)
    journal = Journal()
    run = run_policy(prepared, journal)
    return prepared, run, journal, why_missed(prepared, run, journal.rows)


def causes_of(found):
    return {
        int(place): (CAUSES[cause], int(candidate))
        for place, cause, candidate in zip(found.place, found.cause, found.candidate, strict=True)
    }


def room_for_one_entry():
    """A capacity that holds one entry and not two."""
    prepared, *_ = missed(trace_of([0.0]))
    form, span = prepared.policy.form, prepared.policy.reuse(0).span(50)
    size = form.size_bytes(form.window(span, 0), prepared.workload.queries[0])
    return f"{1.5 * size / 2**20:.1f}MiB"


def test_nothing_as_similar_before_is_compulsory():
    *_, found = missed(trace_of([0.0, 90.0]))
    assert causes_of(found) == {0: ("compulsory", -1), 1: ("compulsory", -1)}


def test_a_hit_is_no_miss():
    *_, found = missed(trace_of([0.0, 5.0]))
    assert causes_of(found) == {0: ("compulsory", -1)}


def test_a_similar_request_of_another_tenant_is_a_namespace_miss():
    *_, found = missed(trace_of([0.0, 60.0, 5.0], tenants=["a", "b", "b"]))
    assert causes_of(found)[2] == ("namespace", 0)
    assert causes_of(found)[1] == ("compulsory", -1)


def test_a_donor_that_was_evicted_is_a_capacity_miss():
    *_, journal, found = missed(trace_of([0.0, 90.0, 5.0]), capacity=room_for_one_entry())
    assert any(row.call == "evict" and row.key == 0 for row in journal.rows)
    assert causes_of(found)[2] == ("capacity", 0)
    assert found.lost_s[-1] > 0


def test_a_donor_that_was_refused_is_an_admission_miss():
    *_, found = missed(
        trace_of([0.0, 90.0, 95.0]), policy="second-sight", capacity=room_for_one_entry()
    )
    assert causes_of(found)[2] == ("admission", 1)


def test_a_donor_that_is_not_finished_is_in_flight():
    *_, found = missed(trace_of([0.0, 5.0], gap_s=1.0))
    assert causes_of(found)[1] == ("in flight", 0)


def test_a_donor_may_be_in_flight_though_the_request_waited():
    *_, run, _, found = missed(trace_of([0.0, 60.0, 65.0, 0.0], gap_s=1.0), gpus=2)
    assert run.served.start[2] > run.served.arrival[2]
    assert causes_of(found)[2] == ("in flight", 1)


def test_words_that_differ_are_a_gate_miss(tmp_path):
    policy = tmp_path / "rejecting.toml"
    policy.write_text(REJECTING)
    prompts = ["a red car", "a blue car"]
    *_, found = missed(trace_of([0.0, 5.0], prompts=prompts), policy=str(policy))
    assert causes_of(found)[1] == ("gate", 0)


def test_a_gate_names_nobody_who_would_have_been_refused_as_evicted(tmp_path):
    policy = tmp_path / "rejecting.toml"
    policy.write_text(REJECTING)
    prompts = ["a red car", "two dogs", "a blue car"]
    *_, found = missed(
        trace_of([0.0, 90.0, 5.0], prompts=prompts),
        policy=str(policy),
        capacity=room_for_one_entry(),
    )
    assert causes_of(found)[2] == ("gate", 0)


def test_a_donor_without_the_step_latents_its_band_needs_is_a_form_miss(tmp_path):
    policy = tmp_path / "from-noise.toml"
    policy.write_text(SRD_FROM_THE_START)
    *_, run, _, found = missed(trace_of([0.0, 15.0, 58.0]), policy=str(policy))
    assert run.served.plan[1].k1 > 0
    assert causes_of(found)[2] == ("form", 1)


def test_the_words_of_the_error_budget_are_known():
    reasons = {error_budget._SPENT.reason, error_budget._NOT_TRUSTED.reason}
    assert reasons == error_budget.REFUSALS


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A run with evictions, waiting, two tenants, and misses of most causes."""
    chance = np.random.default_rng(3)
    centres = chance.normal(size=(30, 16))
    place = chance.integers(0, 30, 500)
    vectors = centres[place] + 0.25 * chance.normal(size=(500, 16))
    requests = tuple(
        Request(
            id=f"r{number}",
            arrival_s=number * 12.0,
            prompt=f"p{number}",
            negative_prompt="",
            seed=number,
            tenant="ab"[number % 7 == 0],
        )
        for number in range(500)
    )
    trace = Trace(name="busy", requests=requests).with_embeddings(vectors, "random")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return missed(trace, capacity="1GiB", gpus=4)


def test_every_miss_has_one_cause_and_an_oracle_agrees(busy):
    prepared, run, journal, found = busy
    kinds = np.array(run.served.kinds())
    assert found.place.tolist() == np.flatnonzero(kinds == "fresh").tolist()
    vectors = prepared.trace.embeddings.astype(np.float64)
    spaces = prepared.workload.namespace_of
    floor = prepared.policy.reuse(0).floor() - 5e-5
    end = np.array(run.served.start) + np.array(run.served.held)
    evicted = {}
    for row in journal.rows:
        if row.call == "evict":
            evicted[row.key] = row.now_s
    for place, (cause, candidate) in causes_of(found).items():
        start = run.served.start[place]
        near = vectors[:place] @ vectors[place] >= floor
        own = near & (spaces[:place] == spaces[place])
        match cause:
            case "compulsory":
                assert not near.any()
            case "namespace":
                assert not own.any()
                assert near[candidate]
            case "capacity":
                assert own[candidate]
                assert evicted[candidate] <= start
            case "in flight":
                assert own[candidate]
                assert end[candidate] > start
            case _:
                pytest.fail(f"{cause} cannot happen under lru")
    counts = Counter(cause for cause, _ in causes_of(found).values())
    assert all(counts[cause] > 5 for cause in ("compulsory", "capacity", "in flight"))
    assert counts["namespace"] > 0


def test_the_explanation_adds_up(busy):
    prepared, run, journal, _ = busy
    runs = {"policy": run, "no_cache": run_uncached(prepared)}
    cut = 100
    explanation = explain(prepared, runs, journal.rows, cut, lambda *_: None)
    causes = explanation["why_missed"]
    fresh = run.served.kinds()[cut:].count("fresh")
    assert sum(cause["requests"] for cause in causes.values()) == fresh
    clairvoyant = run_clairvoyant(prepared)
    before = np.array(runs["no_cache"].served.held)[cut:].sum()
    for name, one in (("policy", run), ("clairvoyant", clairvoyant)):
        saved = sum(hour[f"{name}_saved_s"] for hour in explanation["regret"])
        assert saved == pytest.approx(before - np.array(one.served.held)[cut:].sum())
    assert sum(hour["requests"] for hour in explanation["regret"]) == 500 - cut


def test_more_bytes_and_one_gpu_are_compared_request_by_request(busy):
    prepared, run, journal, _ = busy
    runs = {"policy": run, "no_cache": run_uncached(prepared)}
    explanation = explain(prepared, runs, journal.rows, 0, lambda *_: None)
    more, gpu = explanation["next_bytes"], explanation["next_gpu"]
    assert more["added_bytes"] == 2**30
    saved = more["gpu_seconds_saved"]
    assert saved["ci95"][0] < saved["value"] < saved["ci95"][1]
    assert saved["value"] > 0
    hours = (max(run.served.finish) - min(run.served.arrival)) / 3600
    per_hour = saved["value"] / 3600 * 3.0 / hours
    assert more["saved_usd_per_hour"]["value"] == pytest.approx(per_hour)
    assert gpu["response_s"]["value"] > 0
    assert gpu["from_gpus"] == 4
