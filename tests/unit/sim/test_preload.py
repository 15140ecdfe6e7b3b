"""A preload fills the cache before the window: no queue, no worker, no number."""

import dataclasses

import msgspec
import numpy as np
import pytest

from chorus_policies.journal import Journal
from chorus_sim.experiment import prepare
from chorus_sim.preload import serve
from chorus_sim.runs import run_policy, run_uncached, warm_up_cut
from chorus_sim.scenario import CacheSection, RunSection, Scenario
from chorus_sim.summary import summarise
from chorus_traces.errors import ScenarioError
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.what_if import preload

PART = 0.4


@pytest.fixture(scope="module")
def day():
    whole = read_trace(sample_path("studio-day"))
    return dataclasses.replace(
        whole, requests=whole.requests[:1000], embeddings=whole.embeddings[:1000]
    )


@pytest.fixture(scope="module")
def prepared(day, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.mktemp("kept")))
        scenario = Scenario(cache=CacheSection(capacity="4GiB"))
        return {
            "cold": prepare(scenario, day),
            "filled": prepare(scenario, preload(day, PART)),
        }


@pytest.fixture(scope="module")
def runs(prepared):
    return {name: run_policy(one, Journal()) for name, one in prepared.items()}


def test_a_preloaded_request_takes_no_worker_and_waits_for_nobody(runs):
    filled = runs["filled"].served
    part = slice(0, 400)
    assert set(filled.worker[part]) == {-1}
    assert filled.start[part] == filled.arrival[part]
    assert not any(filled.held[part])
    assert min(filled.worker[400:]) >= -1
    assert sum(worker >= 0 for worker in filled.worker[400:]) > 500


def test_the_window_finds_what_was_preloaded(runs, prepared):
    donors = [getattr(plan, "donor", -1) for plan in runs["filled"].served.plan[400:]]
    assert sum(0 <= donor < 400 for donor in donors) > 10
    cut = warm_up_cut(prepared["filled"], runs["filled"])[1]
    assert cut == 400
    window = prepared["filled"].scenario
    summary = summarise(
        runs["filled"],
        run_uncached(prepared["filled"]),
        cut=cut,
        slo_s=1.0,
        prices=window.prices,
    )
    assert summary["requests"] == 600
    first, early = runs["cold"].served.plan[:100], runs["filled"].served.plan[400:500]
    fresh = [sum(type(plan).__name__ == "Fresh" for plan in part) for part in (first, early)]
    assert fresh[1] < fresh[0]


def test_instants_of_the_journal_never_go_back(prepared):
    journal = Journal()
    run_policy(prepared["filled"], journal)
    now = np.array([row.now_s for row in journal.rows])
    assert len(now) > 1000
    assert (np.diff(now) >= 0).all()


def test_without_a_cache_a_preload_changes_only_the_window(prepared):
    filled, cold = run_uncached(prepared["filled"]).served, run_uncached(prepared["cold"]).served
    assert not any(filled.held[:400])
    assert filled.held[400:] == cold.held[400:]


def test_a_preloaded_request_takes_as_long_as_its_stages_and_what_serving_adds(prepared):
    work = prepared["filled"].workload
    slow = dataclasses.replace(work, server=work.server + 7.0)
    quick_, slow_ = (serve(each, 8, None, 400) for each in (work, slow))
    longer = np.array(slow_.finish) - np.array(quick_.finish)
    assert longer[:400] == pytest.approx(7.0)
    assert (longer[400:] >= 6.99).all()


def test_a_warm_up_is_counted_after_the_preload(day, prepared):
    scenario = prepared["filled"].scenario
    late = msgspec.structs.replace(scenario, run=RunSection(warm_up="100"))
    one = prepare(late, preload(day, PART))
    assert warm_up_cut(one, run_uncached(one))[1] == 500
    beyond = msgspec.structs.replace(scenario, run=RunSection(warm_up="600"))
    with pytest.raises(ScenarioError, match="600 of 600 requests"):
        prepare(beyond, preload(day, PART))
