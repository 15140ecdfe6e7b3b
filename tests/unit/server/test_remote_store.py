"""The remote tier: the same entries again, on a file system and on a real Redis server."""

import pytest
from redis_server import REDIS, Redis
from unit.runtime_service.entries import entry, same
from unit.server.conftest import close, settle

from chorus_runtime.profile.movement import shared_rate
from chorus_runtime.store import LatentStore
from chorus_runtime.store.blobs import open_blobs
from chorus_traces.errors import EngineError

RED = "a red circle moving left"


@pytest.fixture
def redis(tmp_path):
    if REDIS is None:
        pytest.skip("no redis-server is installed")
    running = Redis(tmp_path)
    yield running
    running.kill()


@pytest.fixture(params=["file", "redis"])
def url(request, tmp_path):
    if request.param == "file":
        return f"file://{tmp_path}/shared"
    return request.getfixturevalue("redis").url


def opened(url, scope="tests", **more):
    return LatentStore(["remote"], folder=url, scope=scope, **more)


def test_entries_are_there_again_for_the_next_process(url):
    first = opened(url)
    for key in range(4):
        first.put(entry(key), "remote")
    first.trim(1)
    first.remove(2)
    first.close()
    second = opened(url)
    assert [row.key for row in second.found] == [0, 1, 3]
    assert same(second.get(0), entry(0))
    assert same(second.get(1), entry(1).trimmed())
    with pytest.raises(EngineError, match="not in the store"):
        second.get(2)
    second.close()
    with pytest.raises(EngineError, match="holds latents of 'tests'"):
        opened(url, scope="other")


def test_damaged_and_missing_bytes_are_found_out(url):
    store = opened(url)
    for key in range(2):
        store.put(entry(key), "remote")
    store.flush()
    blobs = open_blobs(url)
    damaged, missing = blobs.names("entries")
    blobs.put(damaged, blobs.get(damaged)[:-1] + b"?")
    blobs.delete(missing)
    with pytest.raises(EngineError, match="damaged: SHA-256"):
        store.get(0)
    with pytest.raises(EngineError, match="is gone"):
        store.get(1)
    store.close()
    blobs.put("entries/orphan.safetensors", b"half")
    again = opened(url)
    assert [row.key for row in again.found] == [0]
    assert len(blobs.names("entries")) == len(blobs.names("rows")) == 1
    again.close()
    blobs.close()


def test_its_speed_is_measured_and_nothing_is_left_there(url):
    rate = shared_rate(url, 3)
    assert rate.source == "measured"
    assert min(rate.load_bytes_per_s, rate.store_bytes_per_s, rate.latency_s) > 0
    # The checksum alone is slower than this.
    assert rate.load_bytes_per_s < 1e11
    blobs = open_blobs(url)
    assert blobs.names("profile") == blobs.names("entries") == []
    blobs.close()


def test_an_entry_is_demoted_from_memory_to_the_shared_store(url):
    store = LatentStore(["host", "remote"], folder=url, scope="tests")
    store.put(entry(0), "host")
    store.move(0, "remote")
    store.flush()
    assert store.bytes_in_memory() == 0
    assert same(store.get(0), entry(0))
    store.close()


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("redis://127.0.0.1:1/0", "cannot be reached"),
        ("nothing://there", "cannot be used"),
        ("file:///proc/nowhere", "cannot be used"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(url, needed):
    with pytest.raises(EngineError, match=needed) as refusal:
        opened(url)
    assert "\n" not in str(refusal.value)


def test_a_tier_and_its_place_belong_together(tmp_path):
    for tier, folder in (("disk", "memory://x"), ("remote", tmp_path), ("remote", None)):
        with pytest.raises(EngineError, match="give both or none"):
            LatentStore([tier], folder=folder)


def test_a_server_reuses_what_another_one_left_in_redis(server, redis):
    first = server(store=redis.url)
    assert first.sync(RED, seed=1)["chorus"]["kind"] == "fresh"
    close(first)
    second = server(store=redis.url)
    similar = second.sync(RED + " now", seed=2)["chorus"]
    assert similar["donor"] == 0
    second.serving.desk.workers.close()
    state = second.client.get("/admin/state").json()
    assert [tier["name"] for tier in state["cache"]["tiers"]] == ["remote"]


def test_a_killed_redis_costs_reuse_and_no_answer(server, redis, tmp_path):
    one = server(store=redis.url, log=tmp_path / "log")
    one.sync(RED, seed=1)
    settle(one)
    redis.kill()
    made = one.sync(RED + " now", seed=2)["chorus"]
    assert made["kind"] == "fresh"
    assert "cannot be reached" in made["fallback"]
    copy = one.sync(RED, seed=1)["chorus"]
    assert copy["kind"] in ("fresh", "copy")
    settle(one)
    assert one.client.get("/healthz").status_code == 200

    redis.start()
    one.sync("snow falls on the old town", seed=1)
    assert one.sync("now snow falls on the old town", seed=2)["chorus"]["donor"] is not None
