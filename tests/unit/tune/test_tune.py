"""A search from the command line: its policy, its evidence, resuming, and what it refuses."""

import sys

import msgspec
import numpy as np
import pytest

from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.policy import load_policy
from chorus_sim.scenario_file import read_scenario
from chorus_sim.summary import summarise
from chorus_sim.sweep.metrics import net_value_usd
from chorus_sim.tune.objective import OBJECTIVES
from chorus_sim.tune.part import Part, split
from chorus_traces.errors import ChorusError
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path

#: A base that hardly keeps anything worth keeping, so that most trials beat it by far.
POOR = """
base = "lru"

[[reuse.bands]]
similarity = 0.999
k1 = 0.1
"""
POOR_SPACE = """
base = "./poor.toml"

[parameters."reuse.bands.0.similarity"]
low = 0.70
high = 0.999

[parameters."reuse.bands.0.k1"]
low = 0.1
high = 0.5

[parameters."eviction.kind"]
choices = ["lru", "fifo", "lfu"]
"""


def refused(answer, *needed: str) -> None:
    assert answer.code == 2, answer.err
    assert answer.out == ""
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    for part in needed:
        assert part in lines[0], lines[0]


@pytest.fixture
def poor(tmp_path):
    (tmp_path / "poor.toml").write_text(POOR)
    (tmp_path / "space.toml").write_text(POOR_SPACE)
    return ("--space", "./space.toml", "--objective", "saved", "--trials", 12)


def test_a_find_that_beats_its_base_is_written_with_its_evidence(tune, poor, tmp_path):
    answer = tune(*poor)
    assert answer.code == 0, answer.err
    text = (tmp_path / "mine.toml").read_text()
    assert "this beats poor" in text
    assert "12 trials" in text
    assert "sha256" in text
    assert "modelled" in text
    assert "seed 0" in text
    policy = load_policy(str(tmp_path / "mine.toml"))
    assert policy.name == "mine"
    assert policy.tables["reuse"]["bands"][0]["similarity"] < 0.99
    assert policy.fingerprint != load_policy(str(tmp_path / "poor.toml")).fingerprint


def test_a_find_that_only_fits_its_trials_is_not_deployed(tune, tmp_path):
    """From what similarity on an entry is superseded makes no difference beyond noise."""
    (tmp_path / "space.toml").write_text(
        "base = 'superseded'\n[parameters.'eviction.similarity']\nlow = 0.85\nhigh = 0.97\n"
    )
    words = ("--capacity", "1GiB", "--objective", "saved", "--trials", 8)
    answer = tune("--space", "./space.toml", *words)
    assert answer.code == 0, answer.err
    assert "the best trial does not beat superseded: this is superseded" in answer.err
    text = (tmp_path / "mine.toml").read_text()
    assert "saved is not better beyond chance" in text
    assert "better by" in text
    policy = load_policy(str(tmp_path / "mine.toml"))
    assert policy.fingerprint == load_policy("superseded").fingerprint


def test_equal_searches_write_equal_files(tune, poor, tmp_path):
    tune(*poor)
    first = (tmp_path / "mine.toml").read_bytes()
    (tmp_path / "mine.trials.log").unlink()
    tune(*poor)
    assert (tmp_path / "mine.toml").read_bytes() == first
    (tmp_path / "mine.trials.log").unlink()
    tune(*poor, "--seed", 5)
    assert (tmp_path / "mine.toml").read_bytes() != first


@pytest.mark.parametrize("torn", [0, 1])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tune, poor, tmp_path, torn):
    tune(*poor)
    whole = (tmp_path / "mine.toml").read_bytes()
    log = tmp_path / "mine.trials.log"
    lines = log.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    log.write_bytes(b"".join(lines[:half]) + lines[half][: len(lines[half]) * torn // 2])
    answer = tune(*poor)
    assert answer.code == 0, answer.err
    assert (tmp_path / "mine.toml").read_bytes() == whole


def test_several_objectives_leave_a_front(tune, poor, tmp_path):
    answer = tune("--space", "./space.toml", "--objective", "saved,p95", "--trials", 8)
    assert answer.code == 0, answer.err
    text = (tmp_path / "mine.toml").read_text()
    assert "saved: base" in text
    assert "p95: base" in text
    load_policy(str(tmp_path / "mine.toml"))


def test_quality_asks_for_less_reuse_than_saving(tune, curve, tmp_path):
    space = "base = 'lru'\n[parameters.'reuse.bands.0.k1']\nchoices = [0.2, 0.3, 0.4]\n"
    (tmp_path / "space.toml").write_text(space)
    words = ("--space", "./space.toml", "--trials", 16, "--quality", curve, "--capacity", "64GiB")

    def evidence(objective: str) -> str:
        (tmp_path / "mine.trials.log").unlink(missing_ok=True)
        assert tune(*words, "--objective", objective).code == 0
        text = (tmp_path / "mine.toml").read_text()
        return " ".join(text.replace("#", "").split())

    assert "No trial was better than lru" in evidence("saved")
    assert "reuse.bands.0.k1 = 0.2" in evidence("quality").split("found trial")[1]
    both = evidence("saved,quality")
    assert both.count("front trial") == 3
    assert "by the curve ./curve.json" in both


def test_two_processes_share_the_trials(tune, poor, tmp_path):
    answer = tune(*poor, "--jobs", 2)
    assert answer.code == 0, answer.err
    assert "this beats poor" in (tmp_path / "mine.toml").read_text()


@pytest.mark.parametrize(
    ("flags", "needed"),
    [
        (("--space", "adaptiv"), ("unknown space 'adaptiv'", "did you mean 'adaptive'")),
        (("--space", "./none.toml"), ("none.toml",)),
        (("--objective", "profit"), ("unknown objective 'profit'", "net_value")),
        (("--objective", "p95,p95"), ("named twice",)),
        (("--objective", "quality"), ("nothing predicts it", "--quality")),
        (("--trials", 0), ("--trials",)),
        (("--holdout", 0.95), ("--holdout",)),
        (("--holdout", 0.1), ("--holdout 0.1", "100 of each")),
        (("--out", "mine.txt"), ("mine.txt", ".toml")),
        (("--out", "none/mine.toml"), ("no such folder",)),
        (("--policy", "lur"), ("unknown policy 'lur'",)),
        (("--policy", "chorus", "--space", "sizing"), ()),
        (("--set", "run.preload=20%"), ("run.preload",)),
        (("--capacity", "1MiB"), ("smaller than one entry",)),
    ],
)
def test_bad_input_is_one_line(tune, flags, needed, tmp_path):
    if not needed:
        flags, needed = (*flags, "--gpus", 0), ("gpus is 0",)
    refused(tune(*flags), *needed)
    assert not (tmp_path / "mine.toml").exists()


def test_a_file_of_somebody_else_is_not_written_over(tune, poor, tmp_path):
    (tmp_path / "mine.toml").write_text("base = 'lru'\n")
    refused(tune(*poor), "mine.toml", "did not write it")
    assert (tmp_path / "mine.toml").read_text() == "base = 'lru'\n"


def test_trials_of_another_search_are_named(tune, poor):
    assert tune(*poor).code == 0
    refused(tune(*poor, "--seed", 3), "holds the trials of another search", "run.seed was '0'")
    refused(tune(*poor, "--holdout", 0.4), "holdout was '0.5'")


def test_a_trials_file_that_is_none(tune, poor, tmp_path):
    (tmp_path / "notes.txt").write_text("these are notes\nof mine")
    refused(tune(*poor, "--trials-file", "notes.txt"), "notes.txt", "cannot hold the trials")
    assert (tmp_path / "notes.txt").read_text() == "these are notes\nof mine"


def test_optuna_that_is_not_installed_is_one_line(tune, poor, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused(tune(*poor), "chorus-cache[tune]")


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHORUS_CACHE_DIR", str(tmp_path_factory.mktemp("kept")))
        first, _ = split(read_trace(sample_path("studio-day")), 0.8)
        scenario = read_scenario(None, {"fleet.gpus": "8", "cache.capacity": "2GiB"})
        base = load_policy("lru")
        yield Part(scenario, first, base, ProfileBook((scenario.profile,)), lambda *_: None)


def test_an_objective_is_the_number_of_the_summary(part):
    seen = part.observe(load_policy("adaptive"))
    summary = summarise(seen.run, seen.baseline, cut=0, slo_s=1.0, prices=seen.prices)
    values = {name: OBJECTIVES[name].of(seen) for name in ("saved", "p95", "net_value")}
    assert values["saved"] == pytest.approx(summary["gpu_seconds"]["saved_share"])
    assert values["p95"] == pytest.approx(summary["response_time_s"]["p95"])
    net = net_value_usd(summary, seen.prices) / summary["requests"] * 1000
    assert values["net_value"] == pytest.approx(net)


def test_a_gain_is_paired_and_points_to_the_better(part):
    better = part.observe(load_policy("adaptive"))
    for name in ("saved", "p95", "net_value"):
        same = OBJECTIVES[name].gain(part.base, part.base)
        assert np.all(same == 0)
    gain = OBJECTIVES["saved"].gain(part.base, better)
    loss = OBJECTIVES["saved"].gain(better, part.base)
    assert np.median(gain) > 0
    assert np.allclose(gain, -loss)
    fast = msgspec.structs.replace(better, run=better.baseline)
    assert np.median(OBJECTIVES["p95"].gain(fast, better)) > 0


def test_the_parts_of_a_trace_begin_at_their_own_start():
    trace = read_trace(sample_path("studio-day"))
    first, last = split(trace, 0.3)
    assert (len(first), len(last)) == (3500, 1500)
    assert first.requests[0].arrival_s == last.requests[0].arrival_s == 0
    assert np.array_equal(last.embeddings, trace.embeddings[3500:])
    gap = trace.requests[3501].arrival_s - trace.requests[3500].arrival_s
    assert last.requests[1].arrival_s == pytest.approx(gap)
    with pytest.raises(ChorusError, match="100 of each"):
        split(first, 0.99)
