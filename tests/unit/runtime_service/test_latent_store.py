import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import pytest
import torch
from unit.runtime_service.entries import entry, same

from chorus_runtime.store import LatentStore, entry_file
from chorus_runtime.store.index import INDEX_NAME
from chorus_traces.errors import EngineError

TESTS = Path(__file__).parents[2]


@pytest.fixture
def open_store(tmp_path):
    """Open a store with a disk tier; all are closed in the end."""
    made = []

    def make(*tiers, scope="here", folder=tmp_path / "store"):
        made.append(LatentStore(tiers or ("disk",), folder=folder, scope=scope))
        return made[-1]

    yield make
    for one in made:
        one.close()


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "store" / "entries").iterdir())


def test_an_entry_reads_back_bit_for_bit_before_and_after_it_is_written(open_store):
    store = open_store()
    store.put(entry(1), "disk")
    assert same(store.get(1), entry(1))
    store.flush()
    assert store.bytes_in_memory() == 0
    assert same(store.get(1), entry(1))


def test_latents_are_kept_in_bfloat16_whatever_they_came_in(open_store):
    store = open_store()
    store.put(entry(1), "disk")
    store.flush()
    got = store.get(1)
    assert {latent.dtype for latent in (got.finished, *got.steps.values())} == {torch.bfloat16}
    assert got.size_bytes == 3 * 256


def test_entries_are_there_again_when_the_store_is_opened_next(open_store):
    store = open_store()
    for key in (3, 1, 2):
        store.put(entry(key), "disk")
    store.remove(2)
    store.close()
    again = open_store()
    assert [row.key for row in again.found] == [1, 3]
    assert again.found[0].facts == entry(1).facts
    assert same(again.get(3), entry(3))


def test_a_trimmed_entry_keeps_the_finished_latent_alone(open_store, tmp_path):
    store = open_store("host", "disk")
    for key, tier in ((1, "disk"), (2, "host"), (3, "disk")):
        store.put(entry(key), tier)
    store.flush()
    before = sum(path.stat().st_size for path in (tmp_path / "store" / "entries").iterdir())
    for key in (1, 2):
        store.trim(key)
        assert store.get(key).steps == {}
    store.flush()
    assert same(store.get(1), entry(1).trimmed())
    assert same(store.get(2), entry(2).trimmed())
    assert len(store.get(3).steps) == 2
    after = sum(path.stat().st_size for path in (tmp_path / "store" / "entries").iterdir())
    assert before - after >= 2 * 256
    store.close()
    assert same(open_store().get(1), entry(1).trimmed())


def test_a_reader_waits_for_the_form_that_is_being_written(open_store, monkeypatch):
    """The file with the steps is gone already, and the store has not heard of the other one."""
    first = open_store()
    first.put(entry(1), "disk")
    first.close()
    store = open_store()
    written, go_on = Event(), Event()
    write = store._disk.write

    def slowly(kept):
        row = write(kept)
        written.set()
        assert go_on.wait(30)
        return row

    monkeypatch.setattr(store._disk, "write", slowly)
    store.trim(1)
    assert written.wait(30)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(store.get, 1)
        assert not wait([reading], timeout=0.2).done
        go_on.set()
        assert same(reading.result(30), entry(1).trimmed())


def test_a_trimmed_donor_still_has_its_compact_form_and_sigma_0():
    donor = entry(1).trimmed().donor()
    assert donor.seed == 1
    assert list(donor.latents) == [0.0]
    assert list(entry(1).donor().latents) == [0.75, 0.5, 0.0]


def test_entries_move_between_memory_and_disk(open_store, tmp_path):
    store = open_store("gpu", "host", "disk")
    store.put(entry(1), "gpu")
    for tier, count in (("host", 0), ("disk", 1), ("gpu", 0), ("disk", 1)):
        store.move(1, tier)
        assert same(store.get(1), entry(1))
        store.flush()
        assert store.tier_of(1) == tier
        assert len(files(tmp_path)) == count
        assert same(store.get(1), entry(1))
        assert bool(store.bytes_in_memory()) == (tier != "disk")


def test_a_removed_entry_leaves_no_file(open_store, tmp_path):
    store = open_store()
    for key in range(5):
        store.put(entry(key), "disk")
    for key in range(4):
        store.remove(key)
    store.flush()
    assert len(store) == len(files(tmp_path)) == 1
    with pytest.raises(EngineError, match="entry 2 is not in the store"):
        store.get(2)


def test_a_damaged_file_is_refused_by_its_checksum(open_store, tmp_path):
    store = open_store()
    store.put(entry(1), "disk")
    store.flush()
    path = tmp_path / "store" / "entries" / files(tmp_path)[0]
    content = path.read_bytes()
    for damaged in (content[:-1], content[:-1] + b"\0\0", bytes([content[0] ^ 1]) + content[1:]):
        path.write_bytes(damaged)
        with pytest.raises(EngineError, match="damaged: SHA-256"):
            store.get(1)
    path.write_bytes(content)
    assert same(store.get(1), entry(1))


def test_orphans_are_swept_and_rows_without_a_file_dropped(open_store, tmp_path):
    store = open_store()
    for key in (1, 2):
        store.put(entry(key), "disk")
    store.close()
    folder = tmp_path / "store" / "entries"
    kept, lost = files(tmp_path)
    (folder / lost).unlink()
    (folder / "000000000009-0123456789abcdef.safetensors").write_bytes(b"whole but unknown")
    (folder / "000000000008-0123456789abcdef.safetensors.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("somebody's")
    again = open_store()
    assert [row.key for row in again.found] == [1]
    assert files(tmp_path) == [kept, "notes.txt"]


CRASH = """
import os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from unit.runtime_service.entries import entry
from chorus_runtime.store import LatentStore

store = LatentStore(("disk",), folder=Path({folder!r}), scope="here")
for key in range(100000):
    store.wait_for_room()
    store.put(entry(key, shape=(1, 16, 4, 32, 32)), "disk")
    if key % 3 == 2:
        store.trim(key - 1)
    if key == 40:
        print("going", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_killed_while_writing_loses_no_more_than_it_was_writing(open_store, tmp_path):
    script = textwrap.dedent(CRASH).format(tests=str(TESTS), folder=str(tmp_path / "store"))
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    store = open_store()
    keys = [row.key for row in store.found]
    # Keys are written in order, so what is there is a prefix; at most the bounded queue is lost.
    assert keys == list(range(len(keys)))
    assert len(keys) >= 30
    for key in keys:
        got = store.get(key)
        whole = entry(key, shape=(1, 16, 4, 32, 32))
        assert same(got, whole) or (key % 3 == 1 and same(got, whole.trimmed()))
    assert len(files(tmp_path)) == len(keys)
    store.put(entry(len(keys)), "disk")
    store.flush()
    assert store.take_losses() == {}


def test_a_write_that_fails_loses_the_entry_and_says_why(open_store, tmp_path):
    store = open_store()
    store.put(entry(1), "disk")
    store.flush()
    folder = tmp_path / "store" / "entries"
    # A folder in the place of the unfinished file makes opening it fail, also for root.
    digest = hashlib.sha256(entry_file.encode(entry(2))).hexdigest()
    name = entry_file.file_name(2, digest) + entry_file.PART
    (folder / name).mkdir()
    store.put(entry(2), "disk")
    store.flush()
    (loss,) = store.take_losses().items()
    assert loss[0] == 2
    assert "cannot be written" in loss[1]
    assert 2 not in store
    assert store.take_losses() == {}
    assert same(store.get(1), entry(1))


def test_a_full_disk_is_refused_before_anything_is_written(open_store, tmp_path, monkeypatch):
    store = open_store()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1, 1, 16 * 2**20 + 700))
    with pytest.raises(EngineError, match=r"disk is full: 768 bytes are needed"):
        store.put(entry(1), "disk")
    assert len(store) == 0
    assert files(tmp_path) == []


def test_another_format_and_another_scope_are_refused(open_store, tmp_path):
    open_store().close()
    with pytest.raises(EngineError, match="holds latents of 'here', not of 'there'"):
        open_store(scope="there")
    with sqlite3.connect(tmp_path / "store" / INDEX_NAME) as database:
        database.execute("UPDATE about SET value = 'chorus.store/0' WHERE name = 'format'")
    database.close()
    with pytest.raises(EngineError, match=r"format 'chorus\.store/0'; this version reads"):
        open_store()


def test_a_store_belongs_to_one_at_a_time(open_store):
    store = open_store()
    with pytest.raises(EngineError, match="in use by another process"):
        open_store()
    store.close()
    open_store()


def test_a_damaged_index_is_named(open_store, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / INDEX_NAME).write_bytes(b"no database at all" * 400)
    with pytest.raises(EngineError, match="index is damaged"):
        open_store()


def test_a_folder_that_cannot_be_made_is_named(open_store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot hold a store"):
        open_store(folder=tmp_path / "file" / "store")


@pytest.mark.parametrize(
    ("tiers", "folder", "needed"),
    [
        ((), None, "at least one tier"),
        (("ram",), None, "unknown tier 'ram'"),
        (("disk",), None, "needs a folder"),
        (("host",), "there", "no tier 'disk'"),
    ],
)
def test_tiers_that_make_no_sense_are_refused(tmp_path, tiers, folder, needed):
    with pytest.raises(EngineError, match=needed):
        LatentStore(tiers, folder=None if folder is None else tmp_path / folder)


def test_misuse_is_refused(open_store):
    store = open_store()
    store.put(entry(1), "disk")
    for misuse, needed in (
        (lambda: store.put(entry(1), "disk"), "store it once"),
        (lambda: store.put(entry(2), "host"), "unknown tier 'host'"),
        (lambda: store.move(1, "host"), "unknown tier 'host'"),
        (lambda: store.trim(7), "not in the store"),
        (lambda: store.remove(7), "not in the store"),
    ):
        with pytest.raises(EngineError, match=needed):
            misuse()
    store.close()
    store.close()
    with pytest.raises(EngineError, match="closed"):
        store.put(entry(3), "disk")


def test_no_more_entries_wait_than_may(open_store, monkeypatch):
    store = open_store()
    waiting = []
    write = store._disk.write

    def slow(kept):
        waiting.append(store.bytes_in_memory() // kept.size_bytes)
        return write(kept)

    monkeypatch.setattr(store._disk, "write", slow)
    for key in range(40):
        store.wait_for_room()
        store.put(entry(key), "disk")
    store.flush()
    # Eight may wait, one is being written, and one is put after the last look.
    assert max(waiting) <= 10
    assert len(store) == 40
