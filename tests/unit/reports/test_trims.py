"""Step latents that leave: with their run, which is no eviction, or for room, which is."""

import msgspec
import pyarrow.parquet as pq
import pytest
from unit.reports.small_runs import BASE, summary_of, trace_of

from chorus_reports.finished_run import read_run
from chorus_reports.plots.cache_bytes import cache_bytes, occupied_by_tier
from chorus_sim.scenario import CacheSection, RunSection


@pytest.mark.parametrize(("capacity", "evicts"), [("64GiB", False), ("0.5GiB", True)])
def test_step_latents_that_leave_with_a_finished_run_are_no_evictions(make, capacity, evicts):
    scenario = msgspec.structs.replace(BASE, policy="adaptive", run=RunSection(bounds="none"))
    folder = make(trace_of(200), scenario, cache=CacheSection(capacity=capacity))
    journal = pq.read_table(folder / "journal.parquet")["call"].to_pylist()
    assert journal.count("trim") > 50
    run, summary = read_run(folder), summary_of(folder)
    plot = cache_bytes(run)
    bars = plot.panels[1].series[0].values.sum()
    assert bars == summary["bytes"]["evictions"] == journal.count("evict")
    assert (bars > 20) == evicts
    said = f"leave by {bars:,.0f} evictions."
    assert (said in plot.caption) == evicts
    assert ("Nothing is evicted" in plot.caption) == (not evicts)
    assert sum(tier.last for tier in occupied_by_tier(run)) == summary["bytes"]["occupied"]


def test_step_latents_that_leave_for_room_are_drawn_and_said(make, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "adaptive"\n[entry]\nkind = "window"\ntrim = true\n')
    scenario = msgspec.structs.replace(BASE, policy=str(mine), run=RunSection(bounds="none"))
    folder = make(trace_of(200), scenario, cache=CacheSection(capacity="1GiB"))
    journal = pq.read_table(folder / "journal.parquet")["call"].to_pylist()
    trims = journal.count("trim")
    assert trims > 20
    plot = cache_bytes(read_run(folder))
    assert plot.panels[1].series[0].values.sum() == trims + journal.count("evict")
    assert f"evictions and {trims:,} trims to the final latent." in plot.caption
    assert "when their run finishes" not in plot.caption
