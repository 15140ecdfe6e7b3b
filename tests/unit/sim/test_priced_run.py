"""A run whose capacity follows prices: within bounds, explained, and cheaper than its bound."""

import msgspec
import pytest

from chorus_policies.journal import Journal
from chorus_sim.experiment import prepare
from chorus_sim.runs import run_policy, run_uncached
from chorus_sim.scenario import CacheSection, PricesSection, Scenario
from chorus_sim.summary import summarise
from chorus_traces.read import read_trace
from chorus_traces.sample import sample_path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    kept = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHORUS_CACHE_DIR", str(kept))
        prices = PricesSection(gib_hour_usd={"host": 0.05})
        scenario = Scenario(prices=prices, cache=CacheSection(capacity="64GiB"))
        trace = read_trace(sample_path("studio-day"))
        found = {}
        for policy in ("priced", "adaptive"):
            prepared = prepare(msgspec.structs.replace(scenario, policy=policy), trace)
            journal = Journal()
            run = run_policy(prepared, journal)
            summary = summarise(run, run_uncached(prepared), cut=0, slo_s=1.0, prices=prices)
            found[policy] = (run, summary, journal)
    return found


def test_every_change_is_in_the_journal_with_its_reason(runs):
    _, _, journal = runs["priced"]
    changes = [row for row in journal.rows if row.call == "resize"]
    assert len(changes) > 5
    assert all(row.answer.startswith(("more: ", "less: ")) for row in changes)
    assert {row.answer[:4] for row in changes} == {"more", "less"}
    assert all(0 < row.size_bytes <= 64 * 2**30 for row in changes)


def test_what_is_occupied_follows_the_capacity(runs):
    _, _, journal = runs["priced"]
    occupied, capacity, checked = 0, None, 0
    for row in journal.rows:
        if row.call == "resize":
            capacity = row.size_bytes
        elif row.call == "store" and row.answer == "host":
            occupied += row.size_bytes
            if capacity is not None:
                assert occupied <= capacity
                checked += 1
        elif row.call in ("evict", "trim"):
            occupied -= row.size_bytes
    assert checked > 1000


def test_memory_is_paid_for_as_long_as_it_is_held(runs):
    priced, fixed = runs["priced"], runs["adaptive"]
    assert priced[0].tiers[0].mean_capacity_bytes < 0.5 * 64 * 2**30
    assert fixed[0].tiers[0].mean_capacity_bytes == 64 * 2**30

    def net(summary):
        return summary["gpu_seconds"]["saved"] / 1200 - summary["cost"]["memory_usd"]

    assert net(priced[1]) > net(fixed[1]) + 10
