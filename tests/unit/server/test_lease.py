"""One server at a time on a shared store: refused, taken over, and stopped where it lost it."""

import logging
import signal
import subprocess
import sys
import time

import fsspec
import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from redis_server import REDIS, Redis
from unit.runtime_service.entries import entry, same
from unit.server.conftest import close, settle

from chorus_runtime.store import LatentStore
from chorus_runtime.store.blobs import RedisBlobs, open_blobs
from chorus_runtime.store.lease import LEASE_S, LeasedRedis
from chorus_runtime.store.owned_blobs import owned_blobs
from chorus_runtime.store.owner import Owner, this_process
from chorus_traces.errors import EngineError

RED = "a red circle moving left"

LEASES = ["lease", "lease-last"]

#: Holds a store: writes a blob for each line it is given, and says what came of it.
HOLDER = """
import sys
from chorus_runtime.store.blobs import open_blobs
from chorus_runtime.store.lease import LeasedRedis
from chorus_runtime.store.owned_blobs import owned_blobs
from chorus_traces.errors import EngineError
url, seconds = sys.argv[1:]
store = LeasedRedis(open_blobs(url), lease_s=float(seconds)) if seconds else owned_blobs(url)
print("held", flush=True)
for line in sys.stdin:
    try:
        store.put("entries/" + line.strip(), b"of the holder")
        print("put", flush=True)
    except EngineError as error:
        print(error, flush=True)
"""


@pytest.fixture
def redis(tmp_path):
    if REDIS is None:
        pytest.skip("no redis-server is installed")
    running = Redis(tmp_path)
    yield running
    running.kill()


@pytest.fixture
def hold():
    """Start processes that hold a store."""
    made = []

    def begin(url, seconds=""):
        words = [sys.executable, "-c", HOLDER, url, str(seconds)]
        process = subprocess.Popen(  # noqa: S603 - our own program
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        made.append(process)
        assert process.stdout.readline() == "held\n", process.stderr.read()
        return process

    yield begin
    for process in made:
        process.kill()
        process.communicate()


def told(process, name):
    print(name, file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def test_a_second_server_is_refused_until_the_first_has_ended(server, redis, hold):
    holder = hold(redis.url)
    began = time.monotonic()
    with pytest.raises(EngineError, match=f"in use by another server .process {holder.pid} on"):
        server(store=redis.url)
    # It saw the lease renewed, which is sooner than it would have expired.
    assert time.monotonic() - began < LEASE_S
    assert told(holder, "a") == "put"
    one = server(store=f"{redis.url}2")
    close(one)
    again = server(store=f"{redis.url}2")
    assert again.sync(RED, seed=1)["status"] == "completed"


def test_a_lease_left_by_a_kill_on_this_machine_is_taken_over_at_once(redis, hold):
    holder = hold(redis.url)
    assert told(holder, "a") == "put"
    # Not waited for: it stays a zombie for now.
    holder.kill()
    began = time.monotonic()
    store = owned_blobs(redis.url)
    assert time.monotonic() - began < LEASE_S / 4
    assert store.get("entries/a") == b"of the holder"
    store.put("entries/a", b"of mine")
    assert store.get("entries/a") == b"of mine"
    store.close()


def test_a_lease_of_another_machine_is_taken_over_when_it_expires(redis):
    blobs = open_blobs(redis.url)
    elsewhere = msgspec.structs.replace(this_process(), machine="far", processes="far", process=1)
    assert not elsewhere.is_gone
    blobs.run("redis.call('SET', KEYS[1], ARGV[1], 'PX', 1500)", ["lease"], encoded(elsewhere))
    began = time.monotonic()
    store = owned_blobs(redis.url)
    assert 1.0 < time.monotonic() - began < 5
    store.close()
    # One that never expires is nobody's to take.
    blobs.run("redis.call('SET', KEYS[1], ARGV[1])", ["lease"], encoded(elsewhere))
    with pytest.raises(EngineError, match=r"in use by another server .process 1 on far, since"):
        owned_blobs(redis.url)
    blobs.run("redis.call('SET', KEYS[1], ARGV[1])", ["lease"], b"?")
    with pytest.raises(EngineError, match="of another version"):
        owned_blobs(redis.url)
    blobs.close()


def encoded(owner: Owner) -> bytes:
    return msgspec.json.encode(owner)


def test_a_server_that_stood_still_writes_nothing_into_the_store_of_the_next(redis, hold):
    holder = hold(redis.url, 1.0)
    assert told(holder, "a") == "put"
    holder.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    # It lives and may go on at any time, so only its lease's end lets the next one in.
    store = owned_blobs(redis.url)
    assert 0.2 < time.monotonic() - began < 5
    store.put("entries/a", b"of the next")
    holder.send_signal(signal.SIGCONT)
    said = told(holder, "a")
    assert "taken over by another server (process " in said
    assert "nothing is written there any more" in said
    assert store.get("entries/a") == b"of the next"
    store.close()
    # Nor when the next one has ended: what it left is unknown to the first.
    assert told(holder, "a") == said
    holder.kill()
    assert holder.stderr.read().count("taken over by another server") == 1


def test_a_store_that_lost_its_lease_keeps_serving_and_stores_nothing(server, redis, caplog):
    one = server(store=redis.url)
    one.sync(RED, seed=1)
    settle(one)
    blobs = open_blobs(redis.url)
    kept = {name: blobs.get(name) for name in blobs.names("entries") + blobs.names("rows")}
    assert kept
    thief = encoded(this_process())
    blobs.run("for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end", LEASES, thief)
    with caplog.at_level(logging.ERROR, "chorus.store"):
        similar = one.sync(RED + " now", seed=2)["chorus"]
        assert similar["donor"] == 0
        settle(one)
        third = one.sync("snow falls on the old town", seed=3)
        assert third["status"] == "completed"
        settle(one)
    (said,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "taken over by another server" in said
    video = one.client.get(f"/v1/videos/{third['id']}").json()
    assert "taken over by another server" in video["chorus"]["stored"]
    assert one.client.get("/admin/state").json()["store"]["trouble"] == said
    assert "chorus_store_whole 0.0" in one.client.get("/metrics").text
    # Dropping entries leaves the other server's alone as well.
    dropped = one.client.post("/admin/invalidate", json={"older_than_s": 0}).json()["dropped"]
    assert dropped > 0
    settle(one)
    assert {name: blobs.get(name) for name in blobs.names("entries") + blobs.names("rows")} == kept
    blobs.close()


def test_a_redis_that_comes_back_empty_is_taken_again(redis):
    store = LatentStore(["remote"], folder=redis.url, scope="tests")
    store.put(entry(0), "remote")
    store.flush()
    redis.kill()
    redis.start()
    store.put(entry(1), "remote")
    store.flush()
    assert same(store.get(1), entry(1))
    assert store.trouble == ""
    with pytest.raises(EngineError, match="in use by another server"):
        owned_blobs(redis.url)
    store.close()
    owned_blobs(redis.url).close()


def test_large_contents_are_whole_and_leave_nothing_behind(redis):
    store, blobs = owned_blobs(redis.url), open_blobs(redis.url)
    for size in (0, 1, 2**16, 2**16 + 1, 2**20):
        content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        store.put("entries/a", content)
        assert store.get("entries/a") == content
    # It lasts, as a small one does.
    assert blobs.run("return redis.call('PTTL', KEYS[1])", ["entries/a"]) == -1
    assert blobs.names("parts") == []
    thief = encoded(this_process())
    blobs.run("for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end", LEASES, thief)
    with pytest.raises(EngineError, match="taken over"):
        store.put("entries/a", b"y" * 2**20)
    assert store.get("entries/a") == content
    # What was on its way goes by itself.
    for name in blobs.names("parts"):
        assert 0 < blobs.run("return redis.call('PTTL', KEYS[1])", [name]) <= 60_000
    store.close()
    blobs.close()


def test_a_lease_is_kept_for_longer_than_it_lasts(redis):
    store = LeasedRedis(RedisBlobs(redis.url), lease_s=0.5)
    never = time.monotonic() + 2
    while time.monotonic() < never:
        store.put("entries/a", b"x")
        time.sleep(0.05)
    with pytest.raises(EngineError, match="in use by another server"):
        owned_blobs(redis.url)
    store.close()


def test_a_folder_that_others_reach_is_held_by_a_lock(tmp_path, hold, caplog):
    url = f"file://{tmp_path}/shared"
    holder = hold(url)
    with pytest.raises(EngineError, match="in use by another server"):
        LatentStore(["remote"], folder=url, scope="tests")
    assert told(holder, "a") == "put"
    holder.kill()
    holder.wait()
    LatentStore(["remote"], folder=url, scope="tests").close()
    LatentStore(["remote"], folder="memory://shared", scope="tests").close()
    assert not caplog.records


def test_an_object_store_that_nothing_holds_is_told_of(caplog):
    class Objects(MemoryFileSystem):
        protocol = "objects"

    fsspec.register_implementation("objects", Objects, clobber=True)
    LatentStore(["remote"], folder="objects://shared", scope="tests").close()
    assert "objects://shared: nothing keeps a second server out" in caplog.text


def test_a_process_is_gone_only_where_that_is_certain():
    me = this_process()
    assert not me.is_gone
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert msgspec.structs.replace(me, process=ended.pid).is_gone
    # Another process has that number now, or it counts in another table.
    assert msgspec.structs.replace(me, began="1").is_gone
    assert not msgspec.structs.replace(me, process=ended.pid, processes="another").is_gone
    assert not msgspec.structs.replace(me, process=ended.pid, processes="").is_gone
    assert me != this_process()
