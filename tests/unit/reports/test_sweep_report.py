"""The report of a sweep: true to the result set, whatever the grid varies."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chorus_reports.finished_sweep import METRICS, read_sweep
from chorus_reports.sweep_plots.heat import numeric_fields
from chorus_reports.sweep_plots.pareto import cheapest_first, front, pareto
from chorus_reports.sweep_plots.tornado import swings
from chorus_reports.sweep_report import write_sweep
from chorus_sim.sweep.metrics import COLUMNS
from chorus_traces.errors import ScenarioError

GIB = 2**30


def write_study(folder, axes, *, seeds=1, slo_s=30.0):
    """A result set whose numbers follow from its axes by a rule."""
    axes = {**axes, **({"run.seed": list(range(seeds))} if seeds > 1 else {})}
    grid = np.array(np.meshgrid(*axes.values(), indexing="ij"), dtype=object)
    grid = grid.reshape(len(axes), -1)
    points = grid.shape[1]
    columns = {"point": [f"p{number}" for number in range(points)]}
    columns |= {field: values.tolist() for field, values in zip(axes, grid, strict=True)}
    size = [
        int(str(one).removesuffix("GiB")) for one in columns.get("cache.capacity", [8] * points)
    ]
    gpus = columns.get("fleet.gpus", [4] * points)
    seed = columns.get("run.seed", [0] * points)
    bonus = [one == "adaptive" for one in columns.get("policy", ["lru"] * points)]
    saved = [100.0 * np.log2(s + 1) + 50 * b + k for s, b, k in zip(size, bonus, seed, strict=True)]
    rows = {
        name: ["" if pa.types.is_string(kind) else 1.0] * points for name, kind in COLUMNS.items()
    }
    rows |= {
        "gpus": gpus,
        "bytes.capacity": [one * GIB for one in size],
        "gpu_seconds.saved": saved,
        "gpu_seconds.saved_share": [one / 10_000 for one in saved],
        "response_time_s.p95": [200.0 / n - one / 100 for n, one in zip(gpus, saved, strict=True)],
        "cost.fleet_usd_per_video": [0.01 * n + 0.001 * s for n, s in zip(gpus, size, strict=True)],
        "slo.target_s": [slo_s] * points,
        "utilisation": [0.5] * points,
        "engine": ["simpy"] * points,
    }
    for name, kind in COLUMNS.items():
        cast = int if pa.types.is_integer(kind) else (lambda value: value)
        columns[name] = pa.array([cast(value) for value in rows[name]], kind)
    pq.write_table(pa.table(columns), folder / "results.parquet")
    study = {
        "schema": "chorus.study/1",
        "axes": [
            {"field": field, "values": list(map(str, values))} for field, values in axes.items()
        ],
        "scenario": 'policy = "lru"\n',
        "traces": [{"name": "made.jsonl", "requests": 1000, "sha256": "0"}],
        "policies": {"lru": "abc"},
        "profiles": {"wan": {"source": "modelled", "sha256": "0"}},
        "prices": "assumed",
        "versions": {},
    }
    (folder / "study.json").write_text(json.dumps(study))
    return pq.read_table(folder / "results.parquet").to_pydict()


WHOLE = {
    "cache.capacity": ["1GiB", "4GiB", "16GiB"],
    "policy": ["lru", "adaptive"],
    "fleet.gpus": [4, 8],
}


@pytest.fixture
def table(tmp_path):
    return write_study(tmp_path, WHOLE, seeds=3)


def test_seeds_are_averaged_and_every_other_point_is_a_configuration(tmp_path, table):
    sweep = read_sweep(tmp_path)
    assert (len(sweep), sweep.points, sweep.seeds) == (12, 36, 3)
    assert sweep.fields == ("cache.capacity", "policy", "fleet.gpus")
    for name in METRICS:
        assert sweep.metrics[name].mean() == pytest.approx(np.mean(table[name]))
    assert sweep.spread["gpu_seconds.saved"].tolist() == [1.0] * 12
    place = sweep.name_of(0)
    assert place == "capacity 1GiB, policy lru, GPUs 4"
    of_first = [
        saved
        for size, policy, gpus, saved in zip(
            table["cache.capacity"],
            table["policy"],
            table["fleet.gpus"],
            table["gpu_seconds.saved"],
            strict=True,
        )
        if (size, policy, gpus) == ("1GiB", "lru", 4)
    ]
    assert len(of_first) == 3
    assert sweep.metrics["gpu_seconds.saved"][0] == pytest.approx(np.mean(of_first))


def test_the_report_names_the_best_and_shows_every_figure(tmp_path, table):
    write_sweep(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "capacity 16GiB, policy adaptive, GPUs 4 saves most GPU time" in text
    assert "The cheapest whose response p95 is within the SLO of 30.0 s is capacity 1GiB" in text
    figures = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert figures == {
        "saved-by-capacity",
        "pareto",
        "p95-by-gpus",
        "heat-response-time-s-p95",
        "heat-gpu-seconds-saved-share",
        "tornado-response-time-s-p95",
        "tornado-cost-fleet-usd-per-video",
    }
    assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == figures
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<script type="application/json">') == len(figures)
    assert (tmp_path / "report.html").stat().st_size < 6e6


def test_an_slo_that_nobody_meets_is_said_so(tmp_path):
    write_study(tmp_path, WHOLE, slo_s=1.0)
    write_sweep(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "None has a response p95 within the SLO of 1.0 s" in text
    assert "One seed per configuration" in text


@pytest.mark.parametrize(
    "axes",
    [
        {},
        {"run.seed": [0, 1, 2]},
        {"trace.rate_scale": [1.0, 2.0], "fleet.gpus": [2, 4]},
    ],
)
def test_any_grid_has_a_report(tmp_path, axes):
    write_study(tmp_path, axes or {"policy": ["lru"]})
    write_sweep(tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 4e6
    assert "nan" not in (tmp_path / "report.md").read_text(encoding="utf-8").split("## What is")[0]


def test_nobody_beats_the_front(tmp_path, table):
    sweep = read_sweep(tmp_path)
    chance = np.random.default_rng(1)
    for cost, p95 in ((chance.random(200), chance.random(200)), (np.ones(5), np.arange(5.0))):
        best = front(cost, p95)
        for place in range(len(cost)):
            beaten = (cost <= cost[place]) & (p95 <= p95[place])
            beaten &= (cost < cost[place]) | (p95 < p95[place])
            if place in best:
                assert not beaten.any()
            else:
                assert (
                    beaten.any() or ((cost[best] == cost[place]) & (p95[best] == p95[place])).any()
                )
    marked = next(one for one in pareto(sweep).panels[0].series if one.name == "front")
    assert len(marked.x) >= 2


def test_of_equally_cheap_configurations_the_fastest_is_named():
    third = 0.1 + 0.2
    assert cheapest_first(np.array([0.3, third, 0.2999]), np.array([9.0, 8.0, 7.0])).tolist() == [
        2,
        1,
        0,
    ]
    assert front(np.array([0.3, third]), np.array([9.0, 8.0])).tolist() == [1]


def test_a_swing_is_the_range_of_means_over_a_field(tmp_path, table):
    sweep = read_sweep(tmp_path)
    found = {swing.field: swing for swing in swings(sweep, "gpu_seconds.saved")}
    assert found["policy"].high - found["policy"].low == pytest.approx(50.0)
    assert (found["policy"].low_at, found["policy"].high_at) == ("lru", "adaptive")
    assert found["fleet.gpus"].high == pytest.approx(found["fleet.gpus"].low)
    assert (found["fleet.gpus"].low_at, found["fleet.gpus"].high_at) == ("any", "any")
    assert next(iter(found)) == "cache.capacity"
    assert numeric_fields(sweep) == ("cache.capacity", "fleet.gpus")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "results.parquet").write_bytes(b"PAR1"),
        lambda folder: (folder / "study.json").write_text("{}"),
        lambda folder: (folder / "study.json").write_text("[1"),
        lambda folder: pq.write_table(
            pq.read_table(folder / "results.parquet").drop_columns(["gpus"]),
            folder / "results.parquet",
        ),
        lambda folder: pq.write_table(
            pq.read_table(folder / "results.parquet").slice(0, 0), folder / "results.parquet"
        ),
    ],
)
def test_a_damaged_study_is_one_line(tmp_path, table, damage):
    damage(tmp_path)
    with pytest.raises(ScenarioError, match="not a whole study") as caught:
        write_sweep(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()
