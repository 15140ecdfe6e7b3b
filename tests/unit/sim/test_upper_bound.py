"""The upper bound: no run exceeds it, and more memory never lowers it."""

import dataclasses
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from chorus_policies.costs.profile import write_profile
from chorus_policies.costs.profile_book import load_profile
from chorus_policies.journal import Journal
from chorus_policies.marks import marks_differ
from chorus_sim.clairvoyant import Future
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.rent_dual import Uses, least_bound
from chorus_sim.runs import run_clairvoyant, run_policy, run_unbounded, run_uncached
from chorus_sim.scenario import CacheSection, FleetSection, Scenario
from chorus_sim.scenario_file import with_policy
from chorus_sim.summary import Run
from chorus_sim.upper_bound import saved_at_most, upper_bound
from chorus_traces.errors import ScenarioError
from chorus_traces.request import Request
from chorus_traces.trace import Trace, unit_rows


def chains(requests: int, gap_s: float, seed: int, *, seeds: bool = False) -> Trace:
    """Edit chains side by side: each request varies the last of one of six chains."""
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(requests, 24))
    last = chance.normal(size=(6, 24))
    prompts = []
    for place in range(requests):
        chain = int(chance.integers(0, 6))
        if chance.random() < 0.1:
            last[chain] = chance.normal(size=24)
        last[chain] += chance.normal(size=24) * chance.choice([0.0, 0.15, 0.3])
        vectors[place] = last[chain]
        prompts.append(f"prompt {np.round(last[chain][:2], 6).tolist()}")
    arrivals = np.cumsum(chance.exponential(gap_s, requests))
    rows = tuple(
        Request(
            id=f"r{place}",
            arrival_s=float(arrivals[place]),
            prompt=prompts[place],
            seed=7 if seeds and place % 3 == 0 else None,
        )
        for place in range(requests)
    )
    return Trace(name=f"chains {seed}", requests=rows).with_embeddings(
        unit_rows(vectors, where="test"), "test"
    )


@cache
def prepared(
    gap_s: float, seed: int, gpus: int, *, seeds: bool = False, profile: str = "wan2.1-1.3b-h200"
) -> Prepared:
    trace = chains(300, gap_s, seed, seeds=seeds)
    scenario = Scenario(policy="lru", profile=profile, fleet=FleetSection(gpus=gpus))
    return prepare(scenario, trace)


def at(one: Prepared, policy: str, capacity: str) -> Prepared:
    scenario = msgspec.structs.replace(one.scenario, cache=CacheSection(capacity=capacity))
    return vary(one, with_policy(scenario, policy))


def saved_s(one: Prepared, run: Run) -> float:
    return float(np.sum(run_uncached(one).served.held) - np.sum(run.served.held))


STREAMS = [(20.0, 1, 8, False), (3.0, 2, 4, False), (60.0, 3, 2, True)]


@pytest.mark.parametrize("capacity", ["300MiB", "1GiB", "6GiB"])
@pytest.mark.parametrize("stream", STREAMS)
def test_no_policy_saves_more_than_the_bound(
    stream: tuple[float, int, int, bool], capacity: str
) -> None:
    gap_s, seed, gpus, seeds = stream
    one = prepared(gap_s, seed, gpus, seeds=seeds)
    reached = 0.0
    for policy in ("fifo", "gdsf", "worth", "adaptive"):
        here = at(one, policy, capacity)
        most = saved_at_most(here)
        assert most is not None
        for run in (run_policy(here, Journal(keep=False)), run_clairvoyant(here)):
            reached = max(reached, saved_s(here, run))
            assert saved_s(here, run) <= most.saved_s
        assert most.saved_s <= most.unlimited_s
        assert saved_s(here, run_unbounded(here)) <= most.unlimited_s
    assert reached > 0


@pytest.mark.parametrize("gap_s", [3.0, 20.0])
def test_the_bound_holds_where_regions_vary(gap_s: float, tmp_path: Path) -> None:
    # Some SRD steps are dearer than full ones then.
    bounds = []
    for variation in (0.0, 1.5):
        profile = load_profile("wan2.1-1.3b-480p-50step-h200")
        path = tmp_path / f"{variation}.json"
        write_profile(msgspec.structs.replace(profile, srd_cv=variation), path)
        one = prepared(gap_s, 4, 4, profile=str(path))
        for capacity in ("300MiB", "6GiB"):
            here = at(one, "lru", capacity)
            most = saved_at_most(here)
            assert most is not None
            for run in (run_policy(here, Journal(keep=False)), run_clairvoyant(here)):
                assert 0 < saved_s(here, run) <= most.saved_s
            assert saved_s(here, run_unbounded(here)) <= most.unlimited_s
            bounds.append(most.unlimited_s)
    assert bounds[0] == bounds[1] != bounds[2]


@pytest.mark.parametrize("lexical", ["early", "reject"])
def test_words_of_one_request_decide_nothing_for_the_others(lexical: str, tmp_path: Path) -> None:
    trace = chains(300, 20.0, 1)
    coloured = tuple(
        msgspec.structs.replace(request, prompt=f"{request.prompt} {colour} car")
        for request, colour in zip(trace.requests, ["a red", "a blue", "a"] * 100, strict=True)
    )
    path = tmp_path / "gated.toml"
    path.write_text(f'base = "lru"\n[reuse]\nlexical = "{lexical}"\n')
    scenario = Scenario(policy="lru", fleet=FleetSection(gpus=8))
    one = prepare(scenario, dataclasses.replace(trace, requests=coloured))
    gated = at(one, str(path), "300MiB")
    assert _uses(gated, clashing=False) == _uses(one, clashing=False)
    assert len(_uses(gated, clashing=False)) > 50
    clashes, ungated = _uses(gated, clashing=True), _uses(one, clashing=True)
    assert len(ungated) > 100
    if lexical == "reject":
        assert not clashes
    else:
        assert clashes.keys() == ungated.keys()
        assert 0 < sum(clashes.values()) < 0.9 * sum(ungated.values())
    most = saved_at_most(gated)
    assert most is not None
    for run in (run_policy(gated, Journal(keep=False)), run_clairvoyant(gated)):
        assert 0 < saved_s(gated, run) <= most.saved_s


def _uses(one: Prepared, *, clashing: bool) -> dict[tuple[int, int], float]:
    """Return full steps saved by (user, donor), of pairs whose words clash or do not."""
    future, queries = Future(one.graph, one.workload, one.policy), one.workload.queries
    donors = np.repeat(np.arange(len(queries)), np.diff(future.start)).tolist()
    return {
        (user, donor): saved
        for user, donor, saved in zip(
            future.user.tolist(), donors, future.saving.tolist(), strict=True
        )
        if marks_differ(queries[user].marks, queries[donor].marks) == clashing
    }


def test_scarce_memory_lowers_the_bound() -> None:
    one = prepared(20.0, 1, 8)
    bounds = [saved_at_most(at(one, "lru", size)) for size in ("150MiB", "300MiB", "64GiB")]
    least, less, all_ = [bound.saved_s for bound in bounds if bound is not None]
    assert least < 0.8 * all_
    assert least < less <= all_
    assert all_ == pytest.approx(bounds[0].unlimited_s if bounds[0] else 0.0)


def test_requests_before_the_first_are_not_counted() -> None:
    one = at(prepared(20.0, 1, 8), "lru", "1GiB")
    held = np.array(run_uncached(one).served.held)
    run = np.array(run_policy(one, Journal(keep=False)).served.held)
    most = saved_at_most(one, first=200)
    assert most is not None
    assert (held - run)[200:].sum() <= most.saved_s < saved_at_most(one).saved_s  # type: ignore[union-attr]


def test_two_entries_that_do_not_fit_together_share_the_room() -> None:
    # Each of two entries of 6 bytes saves 10 s at arrival 2; 9 bytes hold one and a half of them.
    uses = Uses(
        entry=np.array([0, 1]),
        share=np.array([2, 3]),
        saving_s=np.array([10.0, 10.0]),
        size=np.array([6.0, 6.0]),
        begin=np.array([1, 1]),
        end=np.array([3, 3]),
    )
    assert least_bound(uses, 4, 9.0) == pytest.approx(15.0, rel=0.02)
    assert least_bound(uses, 4, 12.0) == pytest.approx(20.0, rel=0.02)
    assert least_bound(uses, 4, 9.0) >= 15.0


def test_one_request_is_not_saved_twice() -> None:
    uses = Uses(
        entry=np.array([0, 1]),
        share=np.array([2, 2]),
        saving_s=np.array([10.0, 8.0]),
        size=np.array([1.0, 1.0]),
        begin=np.array([1, 1]),
        end=np.array([3, 3]),
    )
    assert 10.0 <= least_bound(uses, 4, 100.0) <= 10.2


@pytest.mark.parametrize("policy", ["priced"])
def test_rules_that_change_while_running_are_refused(policy: str) -> None:
    one = at(prepared(20.0, 1, 8), policy, "1GiB")
    if saved_at_most(one) is not None:
        pytest.fail(f"{policy} is bounded, but its rules change")
    with pytest.raises(ScenarioError, match="does not learn"):
        upper_bound(one.workload, one.graph, one.policy, one.gpus, 2**30)
