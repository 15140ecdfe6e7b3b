"""A sweep from the command line: its result set, resuming, and what it refuses."""

import fcntl
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from chorus_policies.journal import Journal
from chorus_sim.cli.load import load_trace
from chorus_sim.experiment import prepare
from chorus_sim.runs import run_policy, run_uncached
from chorus_sim.scenario_file import read_scenario
from chorus_sim.summary import summarise
from chorus_sim.sweep.metrics import COLUMNS

GRID = "capacity=320MiB,1GiB policy=lru,adaptive gpus=4,8"


def refused(answer, *needed: str) -> None:
    assert answer.code == 2, answer.err
    assert answer.out == ""
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.err
    for part in needed:
        assert part in lines[0], lines[0]


def test_the_result_set_has_a_row_per_point_and_reads_everywhere(sweep, tmp_path):
    answer = sweep(GRID)
    assert answer.code == 0, answer.err
    assert "chorus-sim report study/" in answer.err
    path = tmp_path / "study" / "results.parquet"
    frame = pd.read_parquet(path)
    assert list(frame.columns) == [
        "point",
        "cache.capacity",
        "policy",
        "fleet.gpus",
        *COLUMNS,
    ]
    assert len(frame) == frame["point"].nunique() == 8
    assert frame["fleet.gpus"].tolist() == [4, 8] * 4
    assert frame["hits.fresh"].nunique() > 1
    counted = duckdb.read_parquet(str(path)).aggregate('count(*), max("hits.regional")')
    assert counted.fetchall()[0][0] == 8
    assert counted.fetchall()[0][1] > 10
    times = pd.read_parquet(tmp_path / "study" / "timings.parquet")
    assert times["point"].tolist() == frame["point"].tolist()
    assert (times["cpu_s"] > 0).all()


def test_a_point_has_the_numbers_of_a_run(sweep, tmp_path, short_trace):
    assert sweep(GRID).code == 0
    changes = {"trace.path": str(short_trace), "fleet.gpus": "8", "cache.capacity": "320MiB"}
    scenario = read_scenario(None, changes | {"policy": "adaptive"})
    prepared = prepare(scenario, load_trace(scenario, lambda *_: None))
    run = run_policy(prepared, Journal(keep=False))
    summary = summarise(
        run, run_uncached(prepared), cut=0, slo_s=prepared.slo_s, prices=scenario.prices
    )
    row = pq.read_table(tmp_path / "study" / "results.parquet").to_pylist()[3]
    assert row["policy"] == "adaptive"
    assert row["bytes.evictions"] == summary["bytes"]["evictions"] > 0
    assert row["gpu_seconds.saved"] == summary["gpu_seconds"]["saved"]
    assert row["response_time_s.p95"] == summary["response_time_s"]["p95"]
    assert row["response_time_s.ci95_low"] == summary["response_time_s"]["ci95"][0]
    assert row["hits.regional"] == summary["hits"]["regional"] > 0
    saved_usd = summary["gpu_seconds"]["saved"] / 3600 * 3.0
    assert row["net_value_usd"] == pytest.approx(saved_usd - summary["cost"]["memory_usd"])


def test_quality_is_predicted_where_a_curve_is_given(sweep, curve, tmp_path):
    assert sweep("policy=lru,vllm-omni gpus=4", "--quality", curve).code == 0
    rows = pq.read_table(tmp_path / "study" / "results.parquet").to_pylist()
    lru, other = rows
    assert lru["quality.requests"] == lru["hits.regional"] + lru["hits.resume"] > 20
    assert lru["quality.known"] == lru["hits.regional"]
    assert 0.6 < lru["quality.low"] < lru["quality.share"] < lru["quality.high"] < 0.99
    assert other["quality.requests"] > 0
    assert other["quality.known"] < other["quality.requests"]
    assert sweep("policy=lru gpus=4", out="plain").code == 0
    plain = pq.read_table(tmp_path / "plain" / "results.parquet").to_pylist()[0]
    assert plain["quality.share"] is None
    path = tmp_path / "curve.json"
    path.write_text(path.read_text().replace('"acceptable":90', '"acceptable":91'))
    refused(sweep("policy=lru,vllm-omni gpus=4", "--quality", curve), "quality ./curve.json")


@pytest.mark.slow
def test_the_fastest_engine_that_fits_is_taken_and_gives_the_same_numbers(sweep, tmp_path):
    pytest.importorskip("numba")
    answer = sweep("engine=auto,simpy policy=lru,duel gpus=4")
    assert answer.code == 0, answer.err
    assert "engine: compiled for 1 points" in answer.err
    assert "engine: simpy for 1 points (" in answer.err
    assert "duel" in answer.err
    frame = pd.read_parquet(tmp_path / "study" / "results.parquet")
    assert frame["engine"].tolist() == ["compiled", "simpy", "simpy", "simpy"]
    same = [name for name in COLUMNS if not name.startswith("engine")]
    assert frame["hits.regional"][0] > 10
    pd.testing.assert_series_equal(
        frame.loc[0, same], frame.loc[2, same], check_names=False, rtol=1e-12
    )


def test_the_order_of_the_axes_and_of_the_work_changes_no_number(sweep, tmp_path):
    assert sweep(GRID).code == 0
    assert sweep("gpus=8,4 policy=adaptive,lru capacity=1GiB,320MiB", out="turned").code == 0
    sets = [
        pd.read_parquet(tmp_path / name / "results.parquet").set_index("point").sort_index()
        for name in ("study", "turned")
    ]
    pd.testing.assert_frame_equal(sets[0], sets[1][sets[0].columns])


def test_the_same_command_finds_every_point_finished(sweep, tmp_path):
    assert "8 computed, 0 found" in sweep(GRID).err
    folder = tmp_path / "study"
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}
    (folder / "results.parquet").unlink()
    assert "0 computed, 8 found" in sweep(GRID).err
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}
    assert after == before
    study = json.loads(before["study.json"])
    assert study["schema"] == "chorus.study/1"
    assert study["points"] == 8
    assert study["traces"][0]["requests"] == 300


@pytest.mark.parametrize("cut", [1, 60, -1])
def test_a_half_written_line_is_computed_again(sweep, tmp_path, cut):
    assert sweep(GRID).code == 0
    results = (tmp_path / "study" / "results.parquet").read_bytes()
    log = tmp_path / "study" / "finished.log"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
    answer = sweep(GRID)
    assert "1 computed, 7 found" in answer.err
    assert "1 damaged line" in answer.err
    assert (tmp_path / "study" / "results.parquet").read_bytes() == results
    assert "0 computed, 8 found" in sweep(GRID).err


def test_a_line_damaged_in_the_middle_costs_that_line_alone(sweep, tmp_path):
    assert sweep(GRID).code == 0
    results = (tmp_path / "study" / "results.parquet").read_bytes()
    log = tmp_path / "study" / "finished.log"
    content = bytearray(log.read_bytes())
    content[content.index(b"\n") + 40] ^= 1
    log.write_bytes(content)
    assert "1 computed, 7 found" in sweep(GRID).err
    assert (tmp_path / "study" / "results.parquet").read_bytes() == results


@pytest.mark.parametrize(
    ("grid", "flags", "needed"),
    [
        ("gpus=4,16", (), ("--grid fleet.gpus", "'4,8'", "'4,16'")),
        ("gpus=4,8 policy=lru", (), ("--grid policy", "absent")),
        ("gpus=4,8", ("--slo", "3x"), ("slo.target", "'2x'", "'3x'")),
        ("gpus=4,8", ("--set", "prices.gpu_hour_usd=2"), ("gpu_hour_usd", "'3.0'", "'2.0'")),
    ],
)
def test_another_study_in_the_folder_is_named(sweep, grid, flags, needed):
    assert sweep("gpus=4,8").code == 0
    refused(sweep(grid, *flags), "holds another study", *needed)
    assert "0 computed, 2 found" in sweep("gpus=4,8").err


def test_a_changed_trace_is_another_study(sim, tmp_path, short_trace):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(short_trace.read_bytes())
    beside = short_trace.with_name("short.embeddings.npy")
    (tmp_path / "mine.embeddings.npy").write_bytes(beside.read_bytes())
    note = short_trace.with_name("short.embeddings.json")
    if note.exists():
        (tmp_path / "mine.embeddings.json").write_bytes(note.read_bytes())
    words = ("sweep", "--trace", path, "--jobs", 1, "--out", "study", "--grid", "gpus=4,8")
    words += ("--set", "run.engine=simpy")
    assert sim(*words).code == 0
    path.write_text(path.read_text().replace('seed":4', 'seed":5', 1))
    refused(sim(*words), "holds another study", "sha256 of trace")


def test_two_sweeps_on_one_folder(sweep, tmp_path):
    assert sweep("gpus=4,8").code == 0
    with (tmp_path / "study" / ".lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(sweep("gpus=4,8"), "another sweep is at work")
    assert "0 computed, 2 found" in sweep("gpus=4,8").err


def test_a_folder_that_holds_something_else(sweep, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("mine")
    refused(sweep("gpus=4,8"), "holds thesis.txt", "study.json")
    (tmp_path / "file").write_text("mine")
    refused(sweep("gpus=4,8", out="file"), "a file")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "study.json").write_text('{"schema": ')
    refused(sweep("gpus=4,8", out="damaged"), "study.json", "damaged")


def test_a_point_that_cannot_be_computed_is_refused_before_any_work(sweep, tmp_path):
    refused(sweep("capacity=1MiB,1GiB policy=lru"), "cache.capacity=1MiB policy=lru", "one entry")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("grid", "flags", "needed"),
    [
        ("gpus=64..4:6", (), ("turn them round",)),
        ("polcy=lru", (), ("unknown field 'polcy'", "did you mean 'policy'")),
        ("policy=lur", (), ("unknown policy 'lur'", "did you mean 'lru'")),
        ("profile=nothing", (), ("unknown profile",)),
        ("gpus=4,8", ("--gpus", 4), ("stated outside",)),
        ("gpus=4,8", ("--jobs", 0), ("--jobs",)),
        ("gpus=4,8", ("--set", "run.bounds=all"), ("runs no bounds",)),
        ("gpus=4,8", ("--set", "run.replications=3"), ("seed=0..2:3",)),
        ("gpus=4,8", ("--ray", "nowhere"), ("--ray nowhere", "HOST:PORT")),
        ("gpus=4,8", ("--ray", "127.0.0.1:1"), ("no answer within 30 s",)),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(sweep, tmp_path, grid, flags, needed):
    refused(sweep(grid, *flags), *needed)
    assert not (tmp_path / "study").exists()


def test_ray_that_is_not_installed_is_one_line(sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refused(sweep("gpus=4,8", "--ray", "local"), "chorus-cache[ray]")


def test_the_engine_is_the_fastest_unless_said_otherwise(tmp_path):
    from chorus_sim.sweep.point import base_of

    (tmp_path / "said.toml").write_text("[run]\nengine = 'simpy'\n")
    (tmp_path / "silent.toml").write_text("[run]\nseed = 3\n")
    assert base_of(None, {}).run.engine == "auto"
    assert base_of(None, {"run.engine": "simpy"}).run.engine == "simpy"
    assert base_of(tmp_path / "said.toml", {}).run.engine == "simpy"
    assert base_of(tmp_path / "silent.toml", {}).run.engine == "auto"


def test_a_synthetic_trace_has_one_trace_per_seed():
    from chorus_sim.sweep.grid import parse_grid
    from chorus_sim.sweep.point import points_of, trace_fields

    def traces(path: str, **changes: str) -> int:
        stated = {"trace.path": path} | {key.replace("__", "."): v for key, v in changes.items()}
        points = points_of(None, stated, parse_grid("seed=0..3:4 gpus=2,4"))
        return len({trace_fields(point.scenario) for point in points})

    assert traces("synth:studio-day") == 4
    assert traces("a.jsonl", trace__rate_scale="2") == 4
    assert traces("a.jsonl", trace__what_if="shuffled") == 4
    assert traces("a.jsonl") == 1


@pytest.mark.parametrize(
    ("grid", "flags", "prices"),
    [
        ("gpus=4,8", (), "assumed"),
        ("prices.gpu_hour_usd=2,4", (), "assumed in part"),
        ("gpus=4,8", ("--set", "prices.gpu_hour_usd=2"), "assumed in part"),
        (
            "gpus=4,8",
            ("--set", "prices.gpu_hour_usd=2", "--set", "prices.gib_hour_usd.host=0.002"),
            "given",
        ),
    ],
)
def test_a_sweep_and_its_report_say_where_prices_are_from(sweep, sim, grid, flags, prices):
    answer = sweep(grid, *flags)
    assert f"prices {prices}\n" in answer.out
    assert sim("report", "study").code == 0
    report = Path("study/report.html").read_text(encoding="utf-8")
    assert f"whole fleet; prices {prices})" in report
    assert f"prices {prices}, times modelled" in report
