"""Workers as actors of a local Ray cluster: the same server, its work done in other processes."""

import importlib.util
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from live.server_process import hands_of
from redis_server import REDIS, Redis

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.call_log import read_calls
from chorus_policies.live.calls import repeat
from chorus_policies.live.journal_file import read_journal
from chorus_policies.policy import load_policy
from chorus_policies.tier import TierSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
]

RED = "a red circle moving left"


@pytest.fixture
def shared_store(tmp_path):
    """A store that other machines reach: Redis where it is installed."""
    if REDIS is None:
        yield f"file://{tmp_path}/shared"
        return
    running = Redis(tmp_path)
    yield running.url
    running.kill()


def test_hands_serve_stop_and_may_die(start, tmp_path, shared_store):
    server = start(
        *("--ray", "local", "--workers", "2", "--engine", "fake:0.05"),
        *("--policy", "adaptive"),
        *("--log", str(tmp_path / "log"), "--queue", "50"),
        *("--store", shared_store),
    )
    fresh = server.post(RED, "/sync", seed=1).json()["chorus"]
    assert fresh["kind"] == "fresh"
    similar = server.post(RED + " now", "/sync", seed=2).json()["chorus"]
    assert (similar["kind"], similar["donor"]) == ("regional", 0)
    assert server.post(RED, "/sync", seed=1).json()["chorus"]["kind"] == "copy"
    assert server.post(RED, steps=5000).status_code == 400

    # A run elsewhere is watched, and ended where nobody waits for it.
    long = server.post("a long one", steps=400).json()["id"]
    while server.status(long)["progress"] < 2:
        time.sleep(0.05)
    assert server.client.delete(f"/v1/videos/{long}").json()["deleted"]

    with ThreadPoolExecutor(4) as threads:
        made = list(
            threads.map(lambda n: server.post(f"{RED} {n}", "/sync", seed=n).json(), range(8))
        )
    assert all(one["chorus"]["donor"] is not None for one in made)
    assert {one["chorus"]["worker"] for one in made} == {0, 1}

    # A hand that is killed loses nobody's request.
    waiting = [server.post(f"clip {n}", id=f"k{n}", steps=20).json()["id"] for n in range(4)]
    while server.status(waiting[0])["progress"] < 2:
        time.sleep(0.05)
    hands = hands_of(server)
    assert len(hands) == 2
    began = time.monotonic()
    os.kill(hands[0], signal.SIGKILL)
    for name in waiting:
        while server.status(name)["status"] in ("queued", "in_progress"):
            assert time.monotonic() - began < 120
            time.sleep(0.05)
        assert server.status(name)["error"] is None, server.status(name)["error"]
    state = server.client.get("/admin/state").json()
    assert [tier["name"] for tier in state["cache"]["tiers"]] == ["remote"]
    assert server.terminate() == 0
    text = server.errors.read_text()
    assert "Traceback" not in text
    check_journal(tmp_path / "log" / "run-0001")


def check_journal(run):
    """Check that runs in flight were shared, and that the calls repeat to the same journal."""
    live = msgspec.json.decode((run / "live.json").read_bytes())
    tiers = tuple(msgspec.convert(tier, TierSpec) for tier in live["tiers"])
    journal = Journal()
    policy = load_policy(str(run / "policy.toml"))
    cache = Cache(policy, tiers, MatrixIndex(), journal, ghost_index=MatrixIndex())
    repeat(read_calls(run / "calls.log"), cache)
    written = [row for row in read_journal(run / "journal.jsonl") if row.call != "fallback"]
    assert journal.rows == written
    assert any(row.call == "publish" for row in written)
