"""A worker of this process that hangs: it cannot be ended, so it is told of and nobody waits."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from hanging_video import HangingVideo
from unit.server.conftest import close, settle, wait_for

from chorus_runtime.server.engine_times import EngineTimes

HANGS = 13

RED = "a red circle moving left"

HANG_AFTER_S = 0.5


@pytest.fixture
def goes_on():
    """Ends the wait of every engine that hangs."""
    event = Event()
    yield event
    event.set()


@pytest.fixture
def hanging(server, goes_on):
    def make(workers, **plan):
        model = HangingVideo(EngineTimes(), lambda seed: seed == HANGS and goes_on.wait())
        made = server(model=model, workers=workers, hang_after_s=HANG_AFTER_S, **plan)
        # Teaches how long a worker is silent at most; until then much is borne.
        made.sync("snow falls", seed=1)
        settle(made)
        return made

    return make


def metric(served, name):
    text = served.client.get("/metrics").text
    return float(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


def until(true):
    never = Event()
    for _ in range(500):
        if true():
            return
        never.wait(0.01)
    raise AssertionError("it never is")


def test_the_only_worker_that_hangs_makes_a_server_not_ready(hanging, goes_on, caplog):
    one = hanging(1)
    silent = 'chorus_worker_silent_seconds{worker="0"}'
    assert metric(one, silent) == 0
    assert one.client.get("/readyz").status_code == 200
    with caplog.at_level(logging.WARNING, "chorus.server"):
        one.client.post("/v1/videos", json={"prompt": RED, "seed": HANGS, "id": "hung"})
        until(lambda: one.client.get("/readyz").status_code == 503)
        assert "all workers hang" in one.client.get("/readyz").json()["error"]["message"]
        assert metric(one, silent) > HANG_AFTER_S
        until(lambda: caplog.messages)
        assert "worker 0 hangs: no sign for" in caplog.messages[0]
        assert "job hung" in caplog.messages[0]
        goes_on.set()
        assert wait_for(one.client, "hung")["error"] is None
        until(lambda: "worker 0 works again" in caplog.messages)
    assert len(caplog.messages) == 2
    assert one.client.get("/readyz").status_code == 200


def test_who_waits_for_the_run_of_a_worker_that_hangs_is_served_by_another(hanging):
    two = hanging(2)
    same = {"prompt": RED, "seed": HANGS}
    two.client.post("/v1/videos", json=same | {"id": "hung"})
    until(lambda: wait_for(two.client, "hung", "in_progress")["progress"] >= 50)
    # It hangs in turn, and whoever comes next is not left waiting for either.
    two.client.post("/v1/videos", json=same | {"id": "same"})
    assert two.client.get("/v1/videos/same").json()["status"] == "queued"
    until(lambda: two.client.get("/v1/videos/same").json()["progress"] >= 50)
    assert two.client.get("/v1/videos/hung").json()["status"] == "in_progress"


def test_a_server_ends_without_its_hung_worker_and_the_next_one_serves_its_job(
    hanging, server, tmp_path
):
    one = hanging(1, log=tmp_path)
    with ThreadPoolExecutor(1) as thread:
        body = {"prompt": RED, "seed": HANGS, "id": "hung"}
        waits = thread.submit(one.client.post, "/v1/videos/sync", json=body)
        until(lambda: one.client.get("/readyz").status_code == 503)
        one.serving.desk.workers.close()
        assert waits.result(timeout=10).status_code == 503
    close(one)
    two = server(log=tmp_path)
    assert two.serving.resumed == 1
    assert wait_for(two.client, "hung")["error"] is None
