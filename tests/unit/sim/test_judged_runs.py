"""Runs whose reused results are judged: the error budget holds where no budget does not."""

from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from small_curve import write_small_curve

from chorus_policies.journal import Journal
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.judge import judge_of
from chorus_sim.judgements import judgements_block
from chorus_sim.runs import run_policy, run_uncached
from chorus_sim.scenario import CacheSection, RunSection, Scenario, TraceSection
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path
from chorus_traces.slice import slice_requests
from chorus_traces.write import write_trace

BUDGET = """
base = "adaptive"
[reuse]
kind = "error_budget"
delta = {delta}
epsilon = {delta}
[[reuse.bands]]
similarity = 0.95
k1 = 0.4
k2 = 0.8
active_share = 0.15
amplification = 8.0
[[reuse.bands]]
similarity = 0.90
k1 = 0.3
k2 = 0.8
active_share = 0.25
amplification = 8.0
[[reuse.bands]]
similarity = 0.80
k1 = 0.2
k2 = 0.7
active_share = 0.4
amplification = 8.0
[[reuse.bands]]
similarity = 0.7
k1 = 0.1
amplification = 8.0
"""


def budget(folder: Path, delta: float) -> str:
    path = folder / f"budget-{delta}.toml"
    path.write_text(BUDGET.format(delta=delta), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def day():
    """Prepare the sample once: a curve measured on shapes says what is acceptable."""
    scenario = Scenario(
        trace=TraceSection(path="sample:studio-day"),
        quality="shapes",
        judged=1.0,
        cache=CacheSection(capacity="64GiB"),
    )
    return prepare(scenario, read_trace(sample_path("studio-day")))


def run(day: Prepared, policy: str, judged: float, seed: int = 0):
    """Return the judgements of a run, and the share of GPU time it saves."""
    scenario = msgspec.structs.replace(
        day.scenario, policy=policy, judged=judged, run=RunSection(seed=seed)
    )
    prepared = vary(day, scenario)
    done, baseline = run_policy(prepared, Journal(keep=False)), run_uncached(prepared)
    assert done.verdicts is not None
    saved = 1 - sum(done.served.held) / sum(baseline.served.held)
    return judgements_block(done.verdicts, 0), saved


def test_an_error_budget_holds_its_delta_and_no_budget_does_not(day, tmp_path):
    free, free_saved = run(day, "adaptive", 1.0)
    assert free["false_hits"] > 300
    saved = {}
    for delta in (0.05, 0.2):
        for share in (0.1, 1.0):
            block, saved[delta, share] = run(day, budget(tmp_path, delta), share)
            assert block["delta"] == delta
            assert block["reused"] > 100
            assert 0 < block["judged"] <= block["reused"] - block["unknown"]
            assert block["false_hit_rate_ci95"][1] < delta
    # Without a budget even the lower end is above the smaller delta.
    assert free["false_hit_rate_ci95"][0] > 0.05
    assert free["delta"] is None
    # What a budget costs: judging everything, most is saved under the larger delta.
    assert saved[0.2, 1.0] > 0.6 * free_saved
    assert saved[0.05, 0.1] < saved[0.05, 1.0] < saved[0.2, 1.0] < free_saved


def test_judging_more_reuses_more(day, tmp_path):
    policy = budget(tmp_path, 0.1)
    few, many = (run(day, policy, share)[0] for share in (0.1, 1.0))
    assert few["judged"] < many["judged"]
    assert few["reused"] < many["reused"]


def test_verdicts_belong_to_the_request_and_not_to_the_order(day):
    judge = judge_of(day.scenario, day.trace)
    again = judge_of(day.scenario, day.trace)
    other = judge_of(msgspec.structs.replace(day.scenario, run=RunSection(seed=1)), day.trace)
    done = run_policy(vary(day, msgspec.structs.replace(day.scenario, policy="adaptive")))
    pairs = [
        (query, plan)
        for query, plan in zip(day.workload.queries, done.served.plan, strict=True)
        if judge.verdict(query, plan) is not None
    ]
    assert len(pairs) > 1000
    forward = [judge.verdict(query, plan) for query, plan in pairs]
    backward = [again.verdict(query, plan) for query, plan in reversed(pairs)]
    assert forward == backward[::-1]
    assert forward != [other.verdict(query, plan) for query, plan in pairs]
    # Nobody is asked about a tenth that was not asked about all.
    tenth = judge_of(msgspec.structs.replace(day.scenario, judged=0.1), day.trace)
    asked = sum(tenth.judges(query) for query in day.workload.queries)
    assert 400 < asked < 600


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The first requests of the day, which hold copies, reuse and misses."""
    path = tmp_path_factory.mktemp("trace") / "short.jsonl"
    write_trace(slice_requests(read_trace(sample_path("studio-day")), 0, 600), path)
    return path


@pytest.fixture
def curve(tmp_path):
    write_small_curve(tmp_path / "curve.json")
    return tmp_path / "curve.json"


def test_a_run_tells_the_false_hits_beside_delta(sim, short, curve, tmp_path):
    words = ("run", "--trace", short, "--quality", curve, "--bounds", "none")
    policy = budget(tmp_path, 0.2)
    judged = sim(*words, "--policy", policy, "--judged", "1", "--format", "json", "--out", "a")
    assert judged.code == 0, judged.err
    summary = msgspec.json.decode(judged.out)["judgements"]
    assert summary["delta"] == 0.2
    assert summary["had_donor"] >= summary["reused"] > 0
    assert summary["share"] == 1
    again = sim(*words, "--policy", policy, "--judged", "1", "--format", "json", "--out", "b")
    assert again.out == judged.out
    assert Path("a/journal.parquet").read_bytes() == Path("b/journal.parquet").read_bytes()
    table = sim(*words, "--policy", policy, "--judged", "1", "--out", "c").out
    assert "error budget delta 20%" in table
    assert "false-hit rate" in table
    plain = sim(*words, "--policy", policy, "--out", "d").out
    assert "false-hit rate" not in plain


def test_the_compiled_twin_leaves_judged_runs_to_simpy(sim, short, curve):
    pytest.importorskip("numba")
    words = ("run", "--trace", short, "--quality", curve, "--bounds", "none")
    answer = sim(*words, "--judged", "0.5", "--engine", "compiled", "--format", "json")
    assert answer.code == 0, answer.err
    engine = msgspec.json.decode(answer.out)["engine"]
    assert engine["name"] == "simpy"
    assert "judged results" in engine["note"] or "journal" in engine["note"]


def test_judging_needs_a_curve_and_a_share(sim, short, curve):
    words = ("run", "--trace", short)
    for flags, needed in (
        (("--judged", "0.1"), "no quality curve"),
        (("--judged", "2", "--quality", curve), "judged is 2"),
        (("--judged", "some", "--quality", curve), "'some' is not a number"),
    ):
        answer = sim(*words, *flags)
        assert answer.code == 2
        assert needed in answer.err
        assert len(answer.err.strip().splitlines()) == 1
    with pytest.raises(ValueError, match=r"judged is -0\.1"):
        Scenario(judged=-0.1, quality="shapes")


def test_compare_and_sweep_tell_false_hits_too(sim, short, curve, tmp_path):
    policy = f"./{Path(budget(tmp_path, 0.2)).name}"
    common = ("--trace", short, "--quality", curve, "--judged", "1")
    compared = sim("compare", *common, "--policies", f"lru,{policy}", "--capacities", "8GiB")
    assert compared.code == 0, compared.err
    assert compared.out.count("of requests with a donor") == 2
    swept = sim("sweep", *common, "--grid", f"policy=lru,{policy}", "--out", "study")
    assert swept.code == 0, swept.err
    table = pq.read_table("study/results.parquet").to_pylist()
    assert [row["judgements.delta"] for row in table] == [None, 0.2]
    assert all(row["judgements.judged"] > 0 for row in table)
