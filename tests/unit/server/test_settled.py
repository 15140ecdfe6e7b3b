"""What is over stays over: no later run makes a video again that was answered or deleted."""

from threading import Event

import msgspec
import pytest
from unit.server.conftest import close, settle, wait_for

from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.unfinished import unfinished

RED, BLUE = "a red circle moving left", "a blue square moving up"

SLOW = EngineTimes(step_s=0.05)


def failures_of(tmp_path, run):
    lines = (tmp_path / run / "failures.jsonl").read_bytes().splitlines()
    return [(row["id"], row["status"]) for row in map(msgspec.json.decode, lines)]


class FailingDisk:
    """A file on a disk that has no room as long as ``is_full``."""

    def __init__(self, whole):
        self.whole, self.is_full = whole, True

    def write(self, value):
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.whole.write(value)

    def close(self):
        self.whole.close()


def killed_before_the_record(server, tmp_path):
    """Leave a run that answered ``v`` and whose process ended while the latents were stored."""
    one = server(log=tmp_path)
    one.sync(RED, id="v", seed=1)
    settle(one)
    close(one)
    (tmp_path / "run-0001" / "records.jsonl").write_bytes(b"")


def test_a_video_without_a_record_that_is_deleted_after_a_restart_stays_deleted(server, tmp_path):
    killed_before_the_record(server, tmp_path)
    second = server(log=tmp_path)
    assert second.serving.resumed == 0
    assert second.client.get("/v1/videos/v").json()["status"] == "completed"
    second.client.delete("/v1/videos/v")
    close(second)
    assert failures_of(tmp_path, "run-0002") == [("v", "answered")]
    third = server(log=tmp_path)
    assert third.serving.resumed == 0
    assert third.client.get("/v1/videos/v").status_code == 404


def test_an_id_that_was_settled_can_be_used_again_and_is_not_lost(server, tmp_path):
    killed_before_the_record(server, tmp_path)
    second = server(log=tmp_path)
    second.client.delete("/v1/videos/v")
    second.serving.desk.workers.close()
    # What is accepted now stays in line, as after a kill.
    second.client.post("/v1/videos", json={"prompt": BLUE, "id": "v"})
    close(second)
    third = server(log=tmp_path)
    assert third.serving.resumed == 1
    assert wait_for(third.client, "v")["prompt"] == BLUE


@pytest.mark.parametrize("slow_part", ["the run", "the store"])
def test_a_deleted_job_is_settled_before_it_has_ended(server, tmp_path, monkeypatch, slow_part):
    one, deleted = server(log=tmp_path, times=SLOW), Event()
    chorus = one.serving.bench.chorus
    if slow_part == "the store":
        offered = chorus._offered

        def slowly(*arguments):
            assert deleted.wait(60)
            return offered(*arguments)

        monkeypatch.setattr(chorus, "_offered", slowly)
        one.sync(RED, id="v", steps=1)
    else:
        one.client.post("/v1/videos", json={"prompt": RED, "id": "v", "steps": 100})
        wait_for(one.client, "v", "in_progress")
    assert [request.id for request in unfinished(tmp_path)] == ["v"]
    one.client.delete("/v1/videos/v")
    # A process that is killed here leaves nothing to do again.
    assert unfinished(tmp_path) == []
    deleted.set()
    settle(one)
    assert unfinished(tmp_path) == []


def test_of_two_requests_of_one_id_the_later_is_made(server, tmp_path):
    run = tmp_path / "run-0001"
    run.mkdir()
    lines = [
        f'{{"id":"{name}","arrival_s":1.0,"prompt":"{prompt}","tenant":"default"}}\n'
        for name, prompt in (("v", RED), ("default/v", BLUE))
    ]
    (run / "requests.jsonl").write_text("".join(lines))
    one = server(log=tmp_path)
    assert one.serving.resumed == 1
    assert wait_for(one.client, "v")["prompt"] == BLUE
    close(one)
    assert failures_of(tmp_path, "run-0002") == [("v", "cancelled")]
    assert unfinished(tmp_path) == []


def test_a_journal_that_fails_leaves_records_and_failures_whole(server, tmp_path):
    one = server(log=tmp_path)
    log = one.serving.bench.log
    log._rows = FailingDisk(log._rows)
    one.sync(BLUE)
    log._rows.is_full = False
    for number in range(3):
        one.sync(f"thing {number}", id=f"v{number}")
        one.client.delete(f"/v1/videos/v{number}")
    settle(one)
    # What can be repeated of the run ends where a row is missing.
    assert "No space left" in log.trouble
    close(one)
    assert unfinished(tmp_path) == []
    assert server(log=tmp_path).serving.resumed == 0


@pytest.mark.parametrize("file", ["_records", "_failures"])
def test_what_cannot_be_settled_now_is_settled_later_and_nothing_accepted_meanwhile(
    server, tmp_path, file
):
    one = server(log=tmp_path)
    log = one.serving.bench.log
    disk = FailingDisk(getattr(log, file))
    setattr(log, file, disk)
    if file == "_records":
        one.sync(RED, id="v")
        settle(one)
    else:
        one.serving.desk.workers.close()
        one.client.post("/v1/videos", json={"prompt": RED, "id": "v"})
        one.client.delete("/v1/videos/v")
    assert "No space left" in one.client.get("/readyz").json()["error"]["message"]
    answer = one.client.post("/v1/videos", json={"prompt": BLUE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_full")
    assert "No space left" in answer.json()["error"]["message"]
    assert [request.id for request in unfinished(tmp_path)] == ["v"]
    disk.is_full = False
    assert one.client.post("/v1/videos", json={"prompt": BLUE, "id": "w"}).status_code == 200
    assert log.trouble == ""
    assert "v" not in [request.id for request in unfinished(tmp_path)]


def test_what_waits_to_be_settled_is_written_without_another_request(server, tmp_path):
    one = server(log=tmp_path)
    log = one.serving.bench.log
    log._records = disk = FailingDisk(log._records)
    one.sync(RED, id="v")
    settle(one)
    assert log.trouble
    disk.is_full = False
    close(one)
    assert unfinished(tmp_path) == []
