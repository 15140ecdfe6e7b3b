"""A sweep killed with -9 again and again leaves the result set of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

GRID = "capacity=320MiB..2GiB:6 policy=lru,adaptive gpus=4..16:4"
POINTS = 48
KILLS = 10
FILES = ("results.parquet", "study.json", "scenario.toml")

#: Points after which a sweep that is to be killed stops: ten such sweeps finish no grid, however
#: late the kill comes.
HELD_AFTER = 4

#: The command line, stopped (SIGSTOP) once it has put so many points on the disk; 0 is never.
PROGRAM = """
import os, signal, sys
from chorus_sim.cli.main import main
from chorus_sim.sweep.finished import FinishedFile

left, add = int(sys.argv.pop(1)), FinishedFile.add

def counted(self, point):
    global left
    add(self, point)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGSTOP)

FinishedFile.add = counted
main()
"""


def start(trace: Path, folder: Path, jobs: int, held_after: int = 0) -> subprocess.Popen[bytes]:
    words = ["sweep", "--trace", trace, "--grid", GRID, "--out", folder, "--jobs", jobs]
    words += ["--set", "run.engine=simpy"]
    command = [sys.executable, "-c", PROGRAM, str(held_after), *map(str, words)]
    return subprocess.Popen(  # noqa: S603 - our own command line
        command, stderr=subprocess.PIPE, start_new_session=True
    )


def finished(folder: Path) -> int:
    """Return how many points are on the disk; a line without its end is not one."""
    log = folder / "finished.log"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def gone(group: int, within_s: float) -> bool:
    """Wait until no process of the group is left."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def undisturbed(sweep, tmp_path) -> dict[str, bytes]:
    assert sweep(GRID, out="calm").code == 0
    return {name: (tmp_path / "calm" / name).read_bytes() for name in FILES}


def test_ten_kills_and_restarts_lose_and_change_nothing(undisturbed, short_trace, tmp_path):
    chance = random.Random(7)  # noqa: S311 - reproducible, not secret
    folder = tmp_path / "killed"
    found = [0]
    for number in range(KILLS):
        before, end = finished(folder), time.monotonic() + 300
        process = start(short_trace, folder, 2 if number in (3, 7) else 1, HELD_AFTER)
        if number == 0:
            time.sleep(chance.uniform(0.1, 1.0))  # before there is anything to resume
        else:
            while finished(folder) == before:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.002)
            time.sleep(chance.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert gone(process.pid, within_s=60), "a worker outlived its sweep"
        found.append(finished(folder))
        assert found[-1] >= found[-2]
    assert found[2:] == sorted(set(found[2:]))
    assert found[2] > 0
    kept = found[-1]
    process = start(short_trace, folder, jobs=1)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    words = errors.decode()
    computed = int(words.split("points: ")[1].split(" computed")[0])
    assert POINTS - computed == kept
    assert computed > 0
    assert {name: (folder / name).read_bytes() for name in FILES} == undisturbed


def test_two_processes_give_the_result_set_of_one(undisturbed, short_trace, tmp_path):
    folder = tmp_path / "two"
    process = start(short_trace, folder, jobs=2)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert {name: (folder / name).read_bytes() for name in FILES} == undisturbed


def test_the_second_of_two_sweeps_on_a_folder_is_refused(short_trace, tmp_path):
    folder = tmp_path / "shared"
    first = start(short_trace, folder, jobs=1, held_after=1)
    try:
        _, status = os.waitpid(first.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert finished(folder) == 1
        second = start(short_trace, folder, jobs=1)
        _, errors = second.communicate(timeout=300)
        assert second.returncode == 2, errors
        assert b"another sweep is at work in it (process %d)" % first.pid in errors
    finally:
        first.send_signal(signal.SIGCONT)
        _, errors = first.communicate(timeout=300)
    assert first.returncode == 0, errors
    assert b"48 computed, 0 found" in errors
