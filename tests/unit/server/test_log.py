"""What a run leaves: a trace, records, and calls that repeat to the same journal."""

import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from unit.server.conftest import close, settle, wait_for

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.call_log import read_calls
from chorus_policies.live.calls import repeat
from chorus_policies.live.journal_file import read_journal
from chorus_policies.live.record import Record
from chorus_policies.policy import load_policy
from chorus_policies.tier import TierSpec
from chorus_runtime.server.describe import write_policy
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.run_folder import RunFolder, runs_in
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.unfinished import unfinished
from chorus_traces.errors import EngineError
from chorus_traces.read import read_trace

RED = "a red circle moving left"
PROMPTS = (RED, RED, f"{RED} now", "snow on a hill", "a dog runs", "rain over the sea")


def records_of(run: Path) -> list[Record]:
    lines = (run / "records.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Record) for line in lines]


def test_the_folder_tells_all_of_a_run(server, tmp_path):
    one = server(log=tmp_path, capacity="2MiB")
    for number in range(12):
        one.sync(PROMPTS[number % 6], seed=1, id=f"v{number}")
    close(one)
    run = tmp_path / "run-0001"
    live = msgspec.json.decode((run / "live.json").read_bytes())
    assert live["schema"] == "chorus.live/1"
    assert live["tiers"] == [{"name": "host", "capacity_bytes": 2 * 2**20}]
    assert live["defaults"]["steps"] == 4
    assert live["embedder"] == "hashed-words-256"

    trace = read_trace(run / "requests.jsonl")
    assert [request.id for request in trace.requests] == [f"v{n}" for n in range(12)]
    assert [request.extra["key"] for request in trace.requests] == list(range(12))
    records = {record.id: record for record in records_of(run)}
    kinds = {record.kind for record in records.values()}
    assert kinds >= {"fresh", "copy"}
    assert kinds & {"regional", "resume"}
    for request in trace.requests:
        record = records[request.id]
        assert record.arrival_s == request.arrival_s <= record.start_s < record.finish_s
        # A copy found when its turn comes has held a worker.
        assert record.worker == 0 or record.kind == "copy"
        assert record.held_s == 0 or record.start_s + record.held_s >= record.finish_s

    policy = load_policy(str(run / "policy.toml"))
    assert policy.fingerprint == live["policy"]["fingerprint"]
    journal = Journal()
    tiers = tuple(msgspec.convert(tier, TierSpec) for tier in live["tiers"])
    cache = Cache(policy, tiers, MatrixIndex(), journal, ghost_index=MatrixIndex())
    repeat(read_calls(run / "calls.log"), cache)
    written = [row for row in read_journal(run / "journal.jsonl") if row.call != "fallback"]
    assert journal.rows == written
    assert any(row.call == "evict" for row in written)


def test_calls_come_in_the_simulators_order(server, tmp_path):
    one = server(log=tmp_path)
    for prompt, seed in ((RED, 1), (RED + " now", 2), (RED, 1), (RED, None)):
        one.sync(prompt, seed=seed)
        settle(one)
    close(one)
    calls = [(call.name, call.key) for call in read_calls(tmp_path / "run-0001" / "calls.log")]
    named = [name for name, _ in calls]
    assert named[:6] == ["find_copy", "lookup", "store", "find_copy", "lookup", "release"]
    # A copy is found on arrival and released; a request without a seed is not asked for one.
    assert named[6:] == ["store", "find_copy", "release", "lookup", "release", "store"]


def test_the_log_can_be_fetched(server, tmp_path):
    one = server(log=tmp_path)
    one.sync(RED)
    answer = one.client.get("/admin/log.tar")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = set(tar.getnames())
        assert {f"run-0001/{name}" for name in ("live.json", "calls.log", "records.jsonl")} <= names
        packed = tar.extractfile("run-0001/requests.jsonl").read()
    assert packed == (tmp_path / "run-0001" / "requests.jsonl").read_bytes()


def test_an_accepted_job_that_was_not_finished_is_made_after_a_restart(server, tmp_path):
    first = server(log=tmp_path, store=tmp_path / "store")
    done = first.sync(RED, id="done", seed=1)
    # The worker ends; what is accepted now stays in line, as after a kill.
    first.serving.desk.workers.close()
    waiting = first.client.post("/v1/videos", json={"prompt": RED, "id": "waits", "seed": 2})
    assert waiting.json()["status"] == "queued"
    close(first)
    with (tmp_path / "run-0001" / "requests.jsonl").open("ab") as stream:
        stream.write(b'{"id":"torn","arri')

    second = server(log=tmp_path, store=tmp_path / "store")
    assert second.serving.resumed == 1
    again = second.client.get("/v1/videos/done").json()
    assert again["status"] == "completed"
    assert again["chorus"]["fingerprint"] == done["chorus"]["fingerprint"]
    assert second.client.get("/v1/videos/done/content").status_code == 200
    job = wait_for(second.client, "waits")
    assert job["chorus"]["donor"] == 0
    close(second)
    assert [run.name for run in runs_in(tmp_path)] == ["run-0001", "run-0002"]
    assert unfinished(tmp_path) == []
    live = msgspec.json.decode((tmp_path / "run-0002" / "live.json").read_bytes())
    assert (live["preloaded"], live["first_key"]) == (1, 1)
    assert server(log=tmp_path, store=tmp_path / "store").serving.resumed == 0


def test_a_failed_or_cancelled_job_is_not_made_again(server, tmp_path):
    one = server(log=tmp_path)
    one.serving.desk.workers.close()
    one.client.post("/v1/videos", json={"prompt": RED, "id": "away"})
    one.client.delete("/v1/videos/away")
    assert b'"cancelled by its client"' in (tmp_path / "run-0001" / "failures.jsonl").read_bytes()
    assert unfinished(tmp_path) == []


def test_a_damaged_line_is_named(tmp_path):
    run = tmp_path / "run-0001"
    run.mkdir()
    (run / "requests.jsonl").write_text('{"id": "a"\n')
    with pytest.raises(EngineError, match=r"requests.jsonl:1: damaged"):
        unfinished(tmp_path)


class FullDisk:
    """A file on a disk without room."""

    def write(self, value):
        raise OSError(28, "No space left on device")

    def close(self):
        pass


def test_what_cannot_be_logged_is_not_accepted(server, tmp_path):
    one = server(log=tmp_path)
    log = one.serving.bench.log
    whole, log._requests = log._requests, FullDisk()
    answer = one.client.post("/v1/videos", json={"prompt": RED, "id": "v"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_full")
    assert one.client.get("/v1/videos/v").status_code == 404
    log._requests = whole
    assert one.sync(RED, id="v")["status"] == "completed"


def test_a_log_that_fails_is_said_and_serving_goes_on(server, tmp_path):
    one = server(log=tmp_path)
    one.serving.bench.log._rows.close()
    one.serving.bench.log._rows = FullDisk()
    assert one.sync(RED)["status"] == "completed"
    answer = one.client.get("/readyz")
    assert answer.status_code == 503
    assert "No space left" in answer.json()["error"]["message"]
    assert "chorus_log_whole 0.0" in one.client.get("/metrics").text


class FullClips:
    """Writes videos to a disk without room."""

    frames_per_s = 8

    def write(self, path, frames):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")


def test_a_video_there_is_no_room_for_fails_its_job_alone(server, tmp_path):
    one = server(log=tmp_path, clip_writer=FullClips())
    answer = one.client.post("/v1/videos/sync", json={"prompt": RED, "id": "v"})
    assert answer.status_code == 500
    assert "cannot be written: No space left" in answer.json()["error"]["message"]
    assert one.client.get("/v1/videos/v").json()["error"]["code"] == "no_room"
    assert list((tmp_path / "videos").iterdir()) == []
    assert len(one.serving.bench.chorus) == 0
    assert one.client.get("/healthz").status_code == 200


def test_a_store_that_is_full_keeps_nothing_and_serves(server, tmp_path, monkeypatch):
    one = server(store=tmp_path / "store")
    monkeypatch.setattr("chorus_runtime.store.disk.RESERVE_BYTES", 2**62)
    made = one.sync(RED, id="v")
    assert made["chorus"]["kind"] == "fresh"
    one.serving.desk.workers.close()
    assert "the disk is full" in one.client.get("/v1/videos/v").json()["chorus"]["stored"]


def test_an_own_part_travels_with_the_policy(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(
        '"""Nothing reused."""\n'
        "from chorus_policies.plan import Fresh\n\n\n"
        "class Mine:\n"
        '    """Never reuses."""\n\n'
        "    def __init__(self, setting):\n        del setting\n\n"
        "    def plan(self, query, neighbours, now):\n        return Fresh(reason='never')\n\n"
        "    def floor(self):\n        return 1.0\n\n"
        "    def span(self, steps):\n        return (1, 0)\n"
    )
    policy = load_policy(f"{own}:Mine")
    folder = tmp_path / "run"
    folder.mkdir()
    write_policy(policy, folder)
    own.unlink()
    assert load_policy(str(folder / "policy.toml")).fingerprint == policy.fingerprint


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(EngineError, match="cannot hold a log"):
        RunFolder(place / "log")


def test_what_another_model_was_asked_for_is_known_as_failed(server, tmp_path):
    run = tmp_path / "run-0001"
    run.mkdir()
    (run / "requests.jsonl").write_text(
        '{"id":"old","arrival_s":1.0,"prompt":"x","model":"wan","tenant":"default"}\n'
    )
    one = server(log=tmp_path)
    assert one.serving.resumed == 0
    job = one.client.get("/v1/videos/old").json()
    assert (job["status"], job["error"]["code"]) == ("failed", "not_served_any_more")
    assert unfinished(tmp_path) == []


def test_a_server_that_does_not_start_leaves_no_run(server, tmp_path):
    server(store=tmp_path / "store")
    with pytest.raises(EngineError, match="in use"):
        server(store=tmp_path / "store", log=tmp_path / "log")
    assert runs_in(tmp_path / "log") == []


def test_equal_ids_of_two_tenants_are_resumed_as_what_they_were(server, tmp_path):
    run = tmp_path / "run-0001"
    run.mkdir()
    lines = [
        f'{{"id":"{name}","arrival_s":1.0,"prompt":"x","tenant":"{tenant}"}}\n'
        for name, tenant in (("same", "one"), ("two/same", "two"))
    ]
    (run / "requests.jsonl").write_text("".join(lines))
    one = server(log=tmp_path, tenants=Tenants({"k1": "one", "k2": "two"}))
    assert one.serving.resumed == 2
    for key in ("k1", "k2"):
        one.client.headers["Authorization"] = f"Bearer {key}"
        wait_for(one.client, "same")
    close(one)
    assert unfinished(tmp_path) == []


def test_a_run_in_flight_serves_another_worker_and_its_calls_repeat(server, tmp_path):
    one = server(
        log=tmp_path, workers=2, policy="adaptive", times=EngineTimes(step_s=0.05), capacity="64MiB"
    )
    for number in range(6):
        body = {"prompt": f"{RED} {number % 2}", "steps": 20, "id": f"v{number}"}
        one.client.post("/v1/videos", json=body)
    for number in range(6):
        assert wait_for(one.client, f"v{number}")["chorus"]["fallback"] == ""
    close(one)
    run = tmp_path / "run-0001"
    rows = read_journal(run / "journal.jsonl")
    assert any(row.call == "publish" for row in rows)
    kinds = {record.id: record.kind for record in records_of(run)}
    assert len(kinds) == 6
    assert set(kinds.values()) > {"fresh"}
    journal = Journal()
    tier = TierSpec(name="host", capacity_bytes=64 * 2**20)
    policy = load_policy(str(run / "policy.toml"))
    cache = Cache(policy, (tier,), MatrixIndex(), journal, ghost_index=MatrixIndex())
    repeat(read_calls(run / "calls.log"), cache)
    assert journal.rows == rows
