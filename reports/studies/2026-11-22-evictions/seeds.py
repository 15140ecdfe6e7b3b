"""How much of the gap to clairvoyant ``bundle`` closes where memory is short, on many streams.

Run it with ``python reports/studies/2026-11-22-evictions/seeds.py PROMPTS.jsonl EMBEDDINGS.npy``.
One stream resolves a tenth of that gap barely, so this repeats the three smallest capacities of
``study.py``, whole entries, on 12 more generated seeds and on both halves of the real prompts, cut
in 1 to 10 segments replayed at once; cuts of one half are not independent. It writes
``seeds.json`` and ``seeds.md``.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from study import AUTO, CAPACITIES, GPUS, generated, second_half, segments

from chorus_policies.journal import Journal
from chorus_sim.experiment import Prepared, prepare, vary
from chorus_sim.outcome import to_json
from chorus_sim.runs import run_clairvoyant, run_policy, run_uncached
from chorus_sim.scenario import CacheSection, FleetSection, Scenario
from chorus_sim.scenario_file import with_policy
from chorus_traces.read import read_trace
from chorus_traces.slice import slice_requests
from chorus_traces.trace import Trace

HERE = Path(__file__).parent
CLASSICAL = ("fifo", "lru", "lfu", "s3fifo", "sieve", "gdsf")
SMALLEST = CAPACITIES[:3]
SEEDS = range(301, 313)
CUTS = (1, 2, 3, 4, 5, 6, 8, 10)


def main() -> None:
    """Measure every stream and write the results."""
    if len(sys.argv) != 3:
        sys.exit("usage: seeds.py PROMPTS.jsonl EMBEDDINGS.npy")
    real = read_trace(Path(sys.argv[1]), embeddings=Path(sys.argv[2]))
    halves = {
        "first half": slice_requests(real, 0, len(real) // 2),
        "second half": second_half(real),
    }
    kinds: dict[str, dict[str, Callable[[], Trace]]] = {
        "generated": {str(seed): partial(generated, seed) for seed in SEEDS},
    }
    for name, half in halves.items():
        kinds[name] = {str(cut): partial(segments, half, cut) for cut in CUTS}
    found = {
        kind: {name: gaps(make()) for name, make in streams.items()}
        for kind, streams in kinds.items()
    }
    (HERE / "seeds.json").write_bytes(to_json(found))
    (HERE / "seeds.md").write_text(report(found), encoding="utf-8")


def report(found: dict[str, dict[str, Any]]) -> str:
    """Return a table with a row for each kind of stream and capacity."""
    lines = [
        "| streams | capacity | gap closed, median | a tenth or more in | points ahead, mean |",
        "|---|---|---|---|---|",
    ]
    for kind, streams in found.items():
        for capacity in SMALLEST:
            closed = 100 * np.array([one[capacity]["closed"] for one in streams.values()])
            ahead = 100 * np.array([one[capacity]["ahead"] for one in streams.values()])
            lines.append(
                f"| {kind} | {capacity} | {np.median(closed):.0f} % "
                f"| {np.sum(closed >= 10)} of {len(closed)} "
                f"| {ahead.mean():+.2f}, {ahead.min():+.2f} to {ahead.max():+.2f} |"
            )
    return "\n".join(lines) + "\n"


def gaps(trace: Trace) -> dict[str, dict[str, Any]]:
    """Return, by capacity, how far ``bundle`` is ahead of the best classical policy."""
    scenario = Scenario(policy="lru", fleet=FleetSection(gpus=GPUS), run=AUTO)
    prepared = prepare(scenario, trace)
    before = float(np.sum(run_uncached(prepared).served.held))

    def saved(one: Prepared, *, knows_the_future: bool = False) -> float:
        run = run_clairvoyant(one) if knows_the_future else run_policy(one, Journal(keep=False))
        return 1 - float(np.sum(run.served.held)) / before

    def sized(policy: str, capacity: str) -> Prepared:
        changed = Scenario(
            policy="lru", cache=CacheSection(capacity=capacity), fleet=scenario.fleet, run=AUTO
        )
        return vary(prepared, with_policy(changed, policy))

    found = {}
    for capacity in SMALLEST:
        shares = {name: saved(sized(name, capacity)) for name in CLASSICAL}
        best = max(shares, key=lambda name: shares[name])
        bound = saved(sized("lru", capacity), knows_the_future=True)
        ahead = saved(sized("bundle", capacity)) - shares[best]
        found[capacity] = {
            "best": best,
            "saved": shares[best],
            "ahead": ahead,
            "closed": ahead / (bound - shares[best]),
        }
    return found


if __name__ == "__main__":
    main()
