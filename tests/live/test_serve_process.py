"""What only a real process shows: kills, signals, full disks, clients that leave."""

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from redis_server import REDIS, Redis

from chorus_runtime.clock import Clock
from chorus_runtime.server.load import send

pytestmark = pytest.mark.slow

RED = "a red circle moving left"


def wait_for(server, name, status="completed"):
    for _ in range(600):
        job = server.status(name)
        if job.get("status") == status:
            return job
        time.sleep(0.02)
    raise AssertionError(job)


def test_a_kill_in_mid_load_loses_nothing_that_was_acknowledged(start, tmp_path):
    kept = ("--store", str(tmp_path / "store"), "--log", str(tmp_path / "log"))
    first = start(*kept, "--engine", "fake:0.05", "--queue", "100")
    acknowledged = []
    for number in range(40):
        answer = first.post(f"{RED} {number}", id=f"v{number}")
        assert answer.status_code == 200
        acknowledged.append(answer.json()["id"])
    wait_for(first, "v2")
    done = [name for name in acknowledged if first.status(name)["status"] == "completed"]
    first.kill()
    assert 0 < len(done) < 40

    began = time.monotonic()
    second = start(*kept, "--queue", "100")
    assert 0 < second.resumed <= 40 - len(done)
    for name in acknowledged:
        assert wait_for(second, name)["error"] is None
        assert second.client.get(f"/v1/videos/{name}/content").status_code == 200
    recovered_s = time.monotonic() - began
    assert recovered_s < 60
    assert second.terminate() == 0
    # The latents of the first process serve the second.
    assert second.found > 0


@pytest.mark.skipif(REDIS is None, reason="no redis-server is installed")
def test_a_killed_server_leaves_its_redis_store_to_the_next_at_once(start, tmp_path):
    redis = Redis(tmp_path)
    kept = ("--store", redis.url, "--log", str(tmp_path / "log"))
    first = start(*kept, "--engine", "fake:0.01", "--queue", "100")
    acknowledged = [first.post(f"{RED} {n}", id=f"v{n}").json()["id"] for n in range(40)]
    wait_for(first, "v9")
    with pytest.raises(AssertionError, match="in use by another server") as refusal:
        start("--store", redis.url)
    assert len(str(refusal.value).strip().splitlines()) == 1
    first.kill()
    second = start(*kept, "--queue", "100")
    assert second.found >= 8
    for name in acknowledged:
        assert wait_for(second, name)["error"] is None
    assert second.terminate() == 0
    redis.kill()


def test_sigterm_finishes_what_was_accepted_and_refuses_the_rest(start, tmp_path):
    server = start("--log", str(tmp_path / "log"), "--engine", "fake:0.25", "--drain-s", "30")
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(server.post, f"clip {n}", "/sync") for n in range(3)]
        while server.client.get("/admin/state").json()["queue"]["waiting"] < 2:
            time.sleep(0.01)
        server.process.terminate()
        refused = None
        while refused is None or refused.status_code == 200:
            refused = server.post("late")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "going_down"
        assert int(refused.headers["retry-after"]) >= 1
        assert server.client.get("/readyz").status_code == 503
        answers = [one.result() for one in waiting]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert server.process.wait(30) == 0


def test_a_drain_that_takes_too_long_leaves_its_jobs_to_the_next_run(start, tmp_path):
    log = ("--log", str(tmp_path / "log"))
    first = start(*log, "--engine", "fake:0.2", "--drain-s", "0.1")
    for number in range(3):
        first.post("clip", id=f"v{number}", steps=50)
    assert first.terminate() == 0
    second = start(*log)
    assert second.resumed == 3
    for number in range(3):
        wait_for(second, f"v{number}")
    assert second.terminate() == 0


def test_a_client_that_leaves_cancels_its_request(start):
    server = start("--engine", "fake:0.05")
    address = urlsplit(server.url)
    body = json.dumps({"prompt": RED, "steps": 400}).encode()
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            b"POST /v1/videos/sync HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )
        while not server.client.get("/admin/state").json()["queue"]["running"]:
            time.sleep(0.01)
    answer = server.post("another", "/sync", steps=1)
    # Twenty seconds of work were before it.
    assert answer.json()["chorus"]["waiting_s"] < 15
    assert server.client.get("/admin/state").json()["failures"] == {"cancelled": 1}


def test_a_disk_that_fills_up_costs_entries_and_not_answers(start, tmp_path):
    # No file may grow beyond 200 blocks of 1024 bytes: the index would, videos do not.
    server = start(
        *("--store", str(tmp_path / "store")),
        limit="ulimit -f 200; trap '' XFSZ",
    )
    for number in range(60):
        answer = server.post(f"{RED} {number}", "/sync", seed=number, id=f"v{number}")
        assert answer.status_code == 200, answer.text
    # Writing happens behind the answers; what could not be written is no entry any more.
    assert 0 < server.client.get("/admin/state").json()["cache"]["entries"] < 55
    assert server.client.get("/healthz").status_code == 200
    assert server.terminate() == 0
    assert "Traceback" not in server.errors.read_text()


def test_the_shapes_model_is_served_from_fresh_to_reuse(start, tmp_path):
    server = start("--steps", "4", "--log", str(tmp_path / "log"), model="shapes-4step")
    fresh = server.post(RED, "/sync", seed=1).json()["chorus"]
    assert (fresh["kind"], fresh["steps"]) == ("fresh", 4)
    similar = server.post(RED + " now", "/sync", seed=2).json()["chorus"]
    assert similar["kind"] in ("regional", "resume")
    assert similar["donor"] == 0
    copy = server.post(RED, "/sync?content=mp4", seed=1)
    assert b"ftyp" in copy.content[:16]
    assert '"kind": "copy"' in copy.headers["chorus-made"]
    assert server.terminate() == 0


def test_several_workers_share_one_cache_and_five_hundred_requests_cost_little(start):
    server = start("--workers", "3", "--queue", "1000", "--engine", "fake:0.002")
    server.post(RED, "/sync", seed=0)
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda n: server.post(RED, "/sync", seed=n).json(), range(1, 31)))
    assert {one["chorus"]["worker"] for one in made} == {0, 1, 2}
    assert all(one["chorus"]["donor"] is not None for one in made)

    sent = asyncio.run(send(server.url, 500, 6, None, server.process.pid, Clock()))
    assert sent.statuses == [200] * 500
    state = server.client.get("/admin/state").json()
    assert sum(state["kinds"].values()) >= 530
    assert state["hit_ratio"] > 0.8
    assert max(sent.memory_bytes) < 1.2 * min(sent.memory_bytes)
    # What is neither waiting nor service: HTTP on both sides. The machine may be busy.
    assert sorted(sent.overhead_s)[250] < 1
