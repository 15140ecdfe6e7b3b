"""A live folder validated, repeated, turned into a trace, and refused where it is not whole."""

import json
import shutil

import numpy as np
import pytest
from command_line import chorus_sim
from live_run import serve_all, some_prompts

from chorus_policies.costs.profile import read_profile, write_profile
from chorus_runtime.server.engine_times import EngineTimes
from chorus_sim.live.run import read_run
from chorus_traces.read import read_trace

TIMES = EngineTimes(step_s=0.006, text_s=0.003, decode_s=0.002, encode_s=0.01)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A live folder and a profile of an earlier run of the same server."""
    folder = tmp_path_factory.mktemp("live")
    prompts = some_prompts(100, seed=1)
    return serve_all(folder, prompts, times=TIMES, at_once=4, capacity="64MiB")


@pytest.fixture
def live(made, tmp_path):
    return shutil.copytree(made, tmp_path / "live")


@pytest.fixture
def call(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: chorus_sim(capfd, monkeypatch, *words)


@pytest.fixture
def profile(call, live, tmp_path):
    path = tmp_path / "profile.json"
    assert call("calibrate", "--live", live, "--out", path).code == 0
    return path


def test_a_validation_says_what_was_predicted_and_what_was_measured(call, live, profile, tmp_path):
    done = call("validate", "--live", live, "--profile", profile, "--out", "v", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["run"]["compared"] == 100
    assert found["kinds"]["equal"] > 0.9
    assert found["journal"]["equal"]
    response = found["times"]["response"]["workload"]
    low, high = response["mean"]["interval"]
    assert low <= response["mean"]["predicted"] <= high
    records = read_run(live).records.values()
    measured = np.mean([one.finish_s - one.arrival_s for one in records])
    assert response["mean"]["measured"] == pytest.approx(measured)
    errors = [row["error_of_service"] for row in found["stages"]]
    # The profile is of this very run, so stage means agree however noisy the machine is.
    assert max(map(abs, errors)) < 0.1
    text = (tmp_path / "v" / "report.md").read_text()
    for words in ("Stage by stage", "Told the stage times", "What is not predicted"):
        assert words in text
    assert (tmp_path / "v" / "report.html").stat().st_size > 10_000


def test_a_stale_profile_is_refused_by_what_differs(call, live, profile, tmp_path):
    import msgspec

    old = read_profile(profile)
    stale = msgspec.structs.replace(
        old, device="h100", versions=old.versions | {"torch": "1.0"}, steps=50
    )
    write_profile(stale, tmp_path / "old.json")
    words = ("validate", "--live", live, "--profile", tmp_path / "old.json", "--out", "w")
    done = call(*words)
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    for needed in ("stale", "device h100", "torch 1.0", "steps 50 for 4", "--allow-stale"):
        assert needed in done.err
    assert call(*words, "--allow-stale").code == 0
    assert "stale" in (tmp_path / "w" / "report.md").read_text()


@pytest.mark.parametrize(
    ("harm", "needed"),
    [
        (lambda live: (live / "records.jsonl").unlink(), "records.jsonl: no such file"),
        (lambda live: (live / "records.jsonl").write_text(""), "no finished request"),
        (lambda live: (live / "calls.log").unlink(), "calls.log"),
        (lambda live: (live / "live.json").unlink(), "live.json"),
        (lambda live: (live / "live.json").write_text("{}"), "live.json"),
        (lambda live: (live / "journal.jsonl").unlink(), "journal.jsonl"),
        (lambda live: (live / "policy.toml").write_text('base = "fifo"'), "another policy"),
        (lambda live: _drop_lines(live / "records.jsonl", 5), "neither record nor failure"),
        (lambda live: _drop_lines(live / "requests.jsonl", 5), "has no request"),
    ],
)
def test_half_a_folder_is_one_line(call, live, profile, harm, needed):
    harm(live)
    done = call("validate", "--live", live, "--profile", profile, "--out", "x")
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1), done.err
    assert needed in done.err
    assert "Traceback" not in done.err


def test_the_replay_command_tells_the_first_bit_that_differs(call, live):
    done = call("replay-journal", live)
    assert done.code == 0
    assert "rows equal bit for bit" in done.out
    path = live / "journal.jsonl"
    rows = path.read_text().splitlines()
    place = next(number for number, row in enumerate(rows) if '"regional"' in row)
    row = json.loads(rows[place])
    row["similarity"] = float(np.nextafter(row["similarity"], 0))
    rows[place] = json.dumps(row)
    path.write_text("\n".join(rows) + "\n")
    done = call("replay-journal", live)
    assert done.code == 1
    assert f"first difference: row {place}" in done.out
    assert repr(row["similarity"]) in done.out


def test_another_policy_differs_and_a_torn_end_does_not(call, live):
    done = call("replay-journal", live, "--policy", "nirvana")
    assert done.code == 1
    assert "first difference" in done.out
    path = live / "journal.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    done = call("replay-journal", live)
    assert done.code == 0
    assert "torn end" in done.out


def test_a_journal_becomes_a_trace_with_the_vectors_the_cache_compared(call, live, tmp_path):
    assert call("trace", "from-journal", live, "--out", "t.jsonl").code == 0
    trace, run = read_trace(tmp_path / "t.jsonl"), read_run(live)
    assert len(trace) == 100
    assert trace.embedder == run.facts.embedder
    assert trace.requests[0].arrival_s == 0
    assert "key" not in trace.requests[0].extra
    gap = trace.requests[5].arrival_s - trace.requests[4].arrival_s
    assert gap == pytest.approx(run.requests[5].arrival_s - run.requests[4].arrival_s)
    vector = run.embedding_of(run.requests[3])
    assert float(trace.embeddings[3] @ vector) == pytest.approx(1, abs=1e-3)


def test_a_slice_is_written_with_its_embeddings(call, tmp_path):
    words = ("trace", "slice", "--trace", "sample:studio-day", "--out", "s.jsonl")
    assert call(*words, "--requests", "10:40").code == 0
    part, whole = read_trace(tmp_path / "s.jsonl"), None
    assert (len(part), part.requests[0].arrival_s) == (30, 0)
    assert part.embeddings.shape == (30, 384)
    assert call(*words, "--window", "0:600").code == 0
    whole = read_trace(tmp_path / "s.jsonl")
    assert whole.requests[-1].arrival_s < 600
    for bad in (("--requests", "5"), ("--requests", "9:3"), ("--window", "1e9:2e9"), ()):
        done = call(*words, *bad)
        assert (done.code, len(done.err.strip().splitlines())) == (2, 1)


def _drop_lines(path, number):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[number:]) + "\n")
