"""``chorus-runtime replay`` against a real server in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from live.server_process import Server
from live_run import some_prompts

from chorus_runtime.cli.main import main
from chorus_sim.live.run import read_run
from chorus_traces.request import Request
from chorus_traces.trace import Trace
from chorus_traces.write import write_trace

REQUESTS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    made = Server("--log", str(folder / "log"), "--engine", "fake:0.002", folder=folder)
    yield made
    assert made.terminate() == 0


@pytest.fixture
def call(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["chorus-runtime", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return run


def write(path, *, model=None, name=""):
    requests = tuple(
        Request(
            id=f"{name}q{number:03d}",
            arrival_s=0.02 * number,
            prompt=prompt,
            user=f"u{number % 3}",
            model=model,
        )
        for number, prompt in enumerate(some_prompts(REQUESTS))
    )
    write_trace(Trace(name="t", requests=requests), path)
    return path


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_a_replay_leaves_a_folder_that_stands_alone(call, server, tmp_path, loop):
    trace = write(tmp_path / "t.jsonl", name=loop)
    live = tmp_path / "live"
    words = ("--url", server.url, "--out", live, "--loop", loop, "--warm-up", 5)
    code, out, _ = call("replay", "--trace", trace, *words)
    assert code == 0
    assert f"{REQUESTS} requests" in out
    assert "late" in out
    run = read_run(live)
    mine = {name for name in run.records if name.startswith(loop)}
    assert len(mine) == REQUESTS
    assert len(run.warm_up) == 5
    assert all(one.status == 200 for one in run.sent.values())
    assert {row.kind for row in run.records.values()} >= {"fresh", "regional"}
    done = json.loads((live / "replay.json").read_bytes())
    assert done["statuses"] == {"200": REQUESTS}
    assert done["interrupted"] is False
    assert done["late"]["worst_s"] >= 0


def test_a_replay_of_which_nothing_was_served_says_so_and_leaves_its_folder(call, server, tmp_path):
    trace = write(tmp_path / "t.jsonl", name="twice")
    words = ("replay", "--trace", trace, "--url", server.url, "--out")
    assert call(*words, tmp_path / "one")[0] == 0
    code, out, err = call(*words, tmp_path / "two")
    # Ids that the trace states are kept, and taken: every one is refused.
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert f"none of {REQUESTS} requests was served (409: {REQUESTS})" in err
    assert "already used" in err
    assert "--new-ids" in err
    done = json.loads((tmp_path / "two" / "replay.json").read_bytes())
    assert done["statuses"] == {"409": REQUESTS}
    assert call(*words, tmp_path / "three", "--new-ids")[0] == 0
    done = json.loads((tmp_path / "three" / "replay.json").read_bytes())
    assert done["statuses"] == {"200": REQUESTS}


def test_a_trace_without_ids_is_served_as_often_as_it_is_sent(call, server, tmp_path):
    rows = [
        {"arrival_s": 0.02 * n, "prompt": text} for n, text in enumerate(some_prompts(REQUESTS))
    ]
    trace = tmp_path / "t.jsonl"
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    mine = []
    for out in ("one", "two"):
        words = ("--trace", trace, "--url", server.url, "--out", tmp_path / out)
        code, said, err = call("replay", *words, "--warm-up", 3)
        assert code == 0, err
        assert f"{REQUESTS} requests" in said
        run = read_run(tmp_path / out)
        mine.append({one.id for one in run.served} - run.others)
        assert len(mine[-1]) == REQUESTS
        assert len(run.warm_up) == 3
        assert run.warm_up < mine[-1]
    # What the first replay left is in the second one's log, and is not taken for its own.
    assert not mine[0] & mine[1]
    assert mine[0] < run.others


def test_a_server_that_still_loads_its_model_is_waited_for(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    trace = write(tmp_path / "t.jsonl")
    live, url = tmp_path / "live", f"http://127.0.0.1:{port}"
    words = ("replay", "--trace", trace, "--url", url, "--out", live)
    process = subprocess.Popen(  # noqa: S603 - the program is ours
        [sys.executable, "-m", "chorus_runtime", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline().decode() == f"waiting up to 60 s for a server at {url}\n"
    started = Server("--log", str(tmp_path / "log"), "--port", str(port), folder=tmp_path)
    try:
        out, err = process.communicate(timeout=240)
    finally:
        assert started.terminate() == 0
    assert process.returncode == 0, err
    assert f"{REQUESTS} requests".encode() in out


def test_what_cannot_be_replayed_is_one_line(call, server, tmp_path):
    good = write(tmp_path / "t.jsonl", name="bad")
    other = write(tmp_path / "other.jsonl", model="wan2.1-1.3b")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("x")
    url = ("--url", server.url)
    cases = [
        (
            ("--trace", good, "--url", "http://127.0.0.1:9", "--out", "o", "--wait", 0),
            "no server answers",
        ),
        (("--trace", good, *url, "--out", "o", "--wait", "nan"), "--wait"),
        (("--trace", good, "--url", "http://[", "--out", "o"), "--url"),
        (("--trace", other, *url, "--out", "o"), "'wan2.1-1.3b'"),
        (("--trace", empty, *url, "--out", "o"), "no requests"),
        (("--trace", good, *url, "--out", full), "not empty"),
        (("--trace", good, *url, "--out", good), "a file"),
        (("--trace", good, *url, "--out", "o", "--speed", 0), "--speed"),
        (("--trace", good, *url, "--out", "o", "--warm-up", 99), "--warm-up"),
    ]
    for words, needed in cases:
        code, _, err = call("replay", *words)
        assert (code, len(err.strip().splitlines())) == (2, 1), err
        assert needed in err
        assert "Traceback" not in err


KEYS = """
admin = ["boss"]
"key-a" = "acme"
"key-b" = "zoo"
"boss" = "office"
"""


def test_each_request_goes_out_under_its_tenants_key(call, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS, encoding="utf-8")
    # Each tenant asks what the other one asked just before, and nothing twice.
    requests = tuple(
        Request(
            id=f"q{number}",
            arrival_s=0.02 * number,
            prompt=some_prompts(20)[number // 2],
            seed=number // 2,
            tenant=("acme", "zoo")[number % 2],
        )
        for number in range(40)
    )
    write_trace(Trace(name="t", requests=requests), tmp_path / "t.jsonl")
    words = ("--log", str(tmp_path / "log"), "--tenants-file", str(keys))
    started = Server(*words, folder=tmp_path)
    try:
        live = tmp_path / "live"
        words = ("--trace", tmp_path / "t.jsonl", "--url", started.url, "--out", live)
        code, _, err = call("replay", *words, "--tenants-file", keys)
        assert code == 0, err
    finally:
        assert started.terminate() == 0
    run = read_run(live)
    tenants = {one.id: one.tenant for one in run.served}
    assert [tenants[f"q{number}"] for number in range(4)] == ["acme", "zoo", "acme", "zoo"]
    assert all(one.status == 200 for one in run.sent.values())
    # Nobody copies or resumes from the other: equal prompts came back to back.
    asked = {run.key_of[name]: tenant for name, tenant in tenants.items()}
    donors = [
        (tenants[one.id], asked[one.donor]) for one in run.records.values() if one.donor is not None
    ]
    assert donors
    assert all(mine == theirs for mine, theirs in donors)
    assert "copy" not in {one.kind for one in run.records.values()}


def test_a_request_no_key_is_for_is_one_line(call, server, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS, encoding="utf-8")
    for tenant, needed in ((None, "has no tenant"), ("moon", "'moon'")):
        one = Request(id="q", arrival_s=0.0, prompt="a red circle", tenant=tenant)
        write_trace(Trace(name="t", requests=(one,)), tmp_path / "t.jsonl")
        words = ("--trace", tmp_path / "t.jsonl", "--url", server.url, "--out", tmp_path / "o")
        code, _, err = call("replay", *words, "--tenants-file", keys)
        assert (code, len(err.strip().splitlines())) == (2, 1), err
        assert needed in err
        assert "boss" not in err


def test_an_interrupted_replay_leaves_what_it_has(server, tmp_path):
    requests = tuple(
        Request(id=f"slow{number}", arrival_s=0.2 * number, prompt=prompt)
        for number, prompt in enumerate(some_prompts(400))
    )
    write_trace(Trace(name="t", requests=requests), tmp_path / "t.jsonl")
    live = tmp_path / "live"
    words = ("replay", "--trace", tmp_path / "t.jsonl", "--url", server.url, "--out", live)
    process = subprocess.Popen(  # noqa: S603 - the program is ours
        [sys.executable, "-m", "chorus_runtime", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    for _ in range(6000):
        if (live / "client.jsonl").exists() and (live / "client.jsonl").stat().st_size:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    done = json.loads((live / "replay.json").read_bytes())
    assert done["interrupted"] is True
    assert 0 < done["answered"] < 400
    assert len((live / "client.jsonl").read_bytes().splitlines()) == done["answered"]
    assert (live / "calls.log").exists()
