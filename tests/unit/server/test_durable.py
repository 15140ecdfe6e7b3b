"""A durable log: nothing is acknowledged that a loss of power would lose."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from chorus_runtime.cli.main import main
from chorus_runtime.server.group_sync import GroupSync
from chorus_runtime.server.unfinished import unfinished


@pytest.fixture
def syncs(monkeypatch):
    """Note the bytes of every file that is synced, at that moment."""
    found: list[int] = []
    really = os.fsync

    def noted(handle: int) -> None:
        found.append(os.fstat(handle).st_size)
        really(handle)

    monkeypatch.setattr(os, "fsync", noted)
    return found


def test_a_request_is_synced_before_it_is_acknowledged(server, tmp_path, syncs):
    one = server(log=tmp_path / "log", durable=True)
    syncs.clear()
    for number in range(3):
        one.client.post("/v1/videos", json={"prompt": f"thing {number}"})
        written = (tmp_path / "log" / "run-0001" / "requests.jsonl").stat().st_size
        assert syncs[-1] == written > 0
    assert one.sync("a thing to wait for")["status"] == "completed"
    assert len(syncs) == 4


def test_without_it_nothing_is_synced(server, tmp_path, syncs):
    one = server(log=tmp_path / "log")
    syncs.clear()
    one.sync("a red circle")
    assert syncs == []


def test_a_disk_that_fails_is_said_and_the_request_is_not_kept(server, tmp_path, monkeypatch):
    one = server(log=tmp_path / "log", durable=True)

    def broken(handle: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        answer = one.client.post("/v1/videos", json={"prompt": "a red circle", "id": "lost"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "log_full"
    assert int(answer.headers["Retry-After"]) > 0
    assert one.client.get("/v1/videos/lost").status_code == 404
    assert one.sync("a blue circle")["status"] == "completed"
    one.serving.desk.workers.close()
    assert unfinished(tmp_path / "log") == []


def test_without_a_log_there_is_nothing_to_be_durable(capfd, monkeypatch):
    words = ("serve", "--model", "fake", "--engine", "fake:0", "--port", "0", "--durable")
    monkeypatch.setattr(sys, "argv", ["chorus-runtime", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "--durable has no effect without a log" in said[0]


def test_many_who_wait_share_one_sync():
    begun, go = Event(), Event()
    calls = 0

    def slow() -> None:
        nonlocal calls
        calls += 1
        begun.set()
        assert go.wait(60)

    group = GroupSync(slow)
    first = group.synced()
    assert begun.wait(60)
    with ThreadPoolExecutor(8) as pool:
        rest = list(pool.map(lambda _: group.synced(), range(50)))
    assert not first.done()
    go.set()
    for one in (first, *rest):
        one.result(10)
    group.close()
    # One was under way; all that came meanwhile wait for the next.
    assert calls == 2
    group.close()
