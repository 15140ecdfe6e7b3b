"""A cluster of this machine with two workers gives the result set of one process."""

import socket
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

GRID = "capacity=320MiB,2GiB policy=lru,./mine.toml gpus=4,8"
OWN = 'base = "adaptive"\n[eviction]\nkind = "sieve"\n[entry]\ntrim = false\n'


def test_two_actors_give_the_result_set_of_one_process(sweep, short_trace, tmp_path):
    pytest.importorskip("ray")
    (tmp_path / "mine.toml").write_text(OWN)
    assert sweep(GRID, out="one").code == 0
    words = ["--trace", short_trace, "--grid", GRID, "--out", "many", "--ray", "local"]
    words += ["--set", "run.engine=simpy"]
    command = [sys.executable, "-m", "chorus_sim", "sweep", *map(str, words), "--jobs", "2"]
    answer = subprocess.run(  # noqa: S603 - our own command line
        command, capture_output=True, text=True, timeout=600
    )
    assert answer.returncode == 0, answer.stderr
    assert "8 computed, 0 found" in answer.stderr
    for name in ("results.parquet", "study.json"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert pq.read_table(tmp_path / "many" / "results.parquet").num_rows == 8


def test_a_port_that_never_answers_is_refused(sweep, monkeypatch, tmp_path):
    pytest.importorskip("ray")
    monkeypatch.setattr("chorus_sim.sweep.ray_cluster.ANSWER_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        answer = sweep("gpus=4,8", "--ray", address)
    assert answer.code == 2
    assert answer.err.strip().splitlines() == [
        f"chorus-sim: --ray {address}: no answer within 1 s; is it a Ray cluster?"
    ]
    assert not (tmp_path / "study").exists()
