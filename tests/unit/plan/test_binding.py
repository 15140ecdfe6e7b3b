"""What binds where no number of GPUs reaches the goal."""

import dataclasses

import msgspec
import numpy as np
import pytest

from chorus_sim.plan.capacity import parse_capacities
from chorus_sim.plan.growth import size_growth

from .conftest import part_of, study_on


def binds_of(trace, slo, capacities, **changes):
    study = study_on(trace, slo)
    choices = parse_capacities(capacities, study.traffic.scenario.cache)
    study = study_on(trace, slo, capacities=choices, **changes)
    return size_growth(study, 1.0)


def test_a_small_cache_fails_where_a_large_one_would_not():
    growth = binds_of(part_of(0, 300), "mean=148s", "0,40MiB,100%")
    none, small, large = growth.cells
    assert [bind.what for bind in none.binds] == ["service"]
    assert [bind.what for bind in small.binds] == ["capacity", "service"]
    assert large.feasible
    assert not large.binds
    assert growth.best == 2
    assert growth.runner_up is None
    assert growth.cache_worth_usd is None


def again(trace, times):
    """Return a trace that sends the same requests once more, and once more."""
    span = trace.requests[-1].arrival_s + 60.0
    requests = [
        msgspec.structs.replace(
            request, id=f"{request.id}-{turn}", arrival_s=request.arrival_s + turn * span
        )
        for turn in range(times)
        for request in trace.requests
    ]
    return dataclasses.replace(
        trace, requests=tuple(requests), embeddings=np.concatenate([trace.embeddings] * times)
    )


def test_a_cold_start_fails_what_a_warm_cache_reaches(monkeypatch):
    monkeypatch.setattr("chorus_sim.plan.binding.COLD_REQUESTS", 200)
    growth = binds_of(again(part_of(0, 200), 3), "mean=80s", "0,100%")
    cell = growth.cells[1]
    assert not cell.feasible
    assert [bind.what for bind in cell.binds] == ["cold start", "service"]
    assert "hit ratio" in cell.binds[0].text
    assert growth.best is None
    assert growth.one_lost is None


def test_a_limit_below_the_rush_binds_with_the_bursts_that_need_more():
    trace = part_of(0, 1500)
    free = binds_of(trace, "p95=450s", "0")
    needed = free.cells[0].sizing.gpus
    limit = int(free.peak_load_erlangs)
    assert free.mean_load_erlangs < limit < needed
    limited = binds_of(trace, "p95=450s", "0", gpu_limit=limit)
    cell = limited.cells[0]
    assert [bind.what for bind in cell.binds] == ["limit", "bursts"]
    assert f"{needed} are needed" in cell.binds[0].text
    assert cell.cost is None
    assert limited.best is None


@pytest.mark.parametrize("guess", [1, 40])
def test_the_guess_changes_how_many_runs_a_cell_takes_and_nothing_else(guess, monkeypatch):
    trace = part_of(0, 300)
    plain = binds_of(trace, "p95=450s", "0").cells[0]
    monkeypatch.setattr("chorus_sim.plan.growth.auto_gpus", lambda workload: guess)
    other = binds_of(trace, "p95=450s", "0").cells[0]
    assert other.sizing.gpus == plain.sizing.gpus
    assert other.cost == plain.cost
