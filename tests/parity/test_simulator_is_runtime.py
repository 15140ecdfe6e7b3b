"""The simulator decides as the server did where decisions depend on order alone.

One request after another, so that neither has anything in flight; stage times of the simulation
are shorter than the server's, so that order is the same. Capacity is scarce: entries are evicted.
"""

import msgspec
import pytest
from live_run import serve_all, some_prompts

from chorus_policies.costs.profile import StageTime
from chorus_policies.live.journal_file import read_journal
from chorus_sim.live.calibrate import blank
from chorus_sim.live.decisions import World, differing
from chorus_sim.live.predict import Replica
from chorus_sim.live.run import read_run

#: Evictions and admissions that see order, sizes and hits, and no duration.
ORDER_ONLY = (
    "chorus",
    "fifo",
    "lru",
    "lfu",
    "sieve",
    "s3fifo",
    "superseded",
    "sim-lru",
    "on-miss",
    "second-sight",
    "tinylfu",
    "nirvana",
)


@pytest.mark.parametrize("policy", ORDER_ONLY)
def test_every_decision_and_every_eviction_is_the_same(tmp_path, policy):
    prompts = some_prompts(120)
    run = read_run(serve_all(tmp_path, prompts, policy=policy, seeds=policy == "chorus"))
    slow = blank(run.facts)
    quick = msgspec.structs.replace(
        slow,
        full_step=StageTime(mean_s=1e-9),
        srd_step=tuple(msgspec.structs.replace(one, mean_s=1e-9) for one in slow.srd_step),
    )
    predicted = Replica(run, quick, run.policy).expected()
    names = [one.id for one in run.served]
    name_of = {key: name for name, key in run.key_of.items()}
    live, simulated = World(run.journal, name_of), World(predicted.journal, name_of)
    assert len(live.decision) == len(names) == 120
    assert differing(simulated, live, names) == []
    assert _evicted(predicted.journal) == _evicted(run.journal)
    kinds = [one.kind for one in live.decision.values()]
    assert kinds.count("fresh") < 110
    assert predicted.records["kind"].to_pylist() == [run.records[name].kind for name in names]
    # Admission by TinyLFU keeps newcomers out rather than let anybody go.
    assert len(_evicted(run.journal)) > (0 if policy == "tinylfu" else 5)


def _evicted(journal) -> list[int]:
    return [row.key for row in journal if row.call == "evict"]


def test_the_journal_on_disk_is_the_one_compared(tmp_path):
    run = read_run(serve_all(tmp_path, some_prompts(30)))
    assert list(run.journal) == read_journal(run.folder / "journal.jsonl")
