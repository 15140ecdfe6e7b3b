"""Compare policies at several capacities on one trace, with intervals.

All runs share requests and luck. Intervals come from a block bootstrap over the trace
(``bootstrap.py``), the same draw for every policy, so a difference between two policies is judged
on equal ground.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from chorus_policies.journal import Journal
from chorus_sim.bootstrap import BLOCKS, DRAWS, FloatArray, block_draws, block_sums
from chorus_sim.experiment import prepare, vary
from chorus_sim.judgements import judgements_block
from chorus_sim.runs import run_clairvoyant, run_policy, run_unbounded, run_uncached
from chorus_sim.scenario import Scenario
from chorus_sim.scenario_file import with_policy
from chorus_sim.summary import Run
from chorus_sim.upper_bound import saved_at_most
from chorus_traces.trace import Trace

Progress = Callable[[str, int, int], None]


def compare(
    scenario: Scenario,
    trace: Trace,
    policies: tuple[str, ...],
    capacities: tuple[str, ...],
    progress: Progress,
) -> dict[str, Any]:
    """Return, per capacity, each policy's saved share with its interval, and the bounds.

    ``behind_best`` is the difference to the best policy of that capacity with its paired interval;
    a policy is ``within_noise`` when the interval reaches zero.
    """
    total = len(capacities) * (len(policies) + 1)
    done = 0
    rows = []
    first = prepare(_at(scenario, scenario.policy, capacities[-1]), trace, progress)
    baseline = run_uncached(first)
    used = np.array(baseline.served.held)
    unbounded = _saved(baseline, run_unbounded(first))
    for capacity in capacities:
        saved: dict[str, FloatArray] = {}
        figures: dict[str, dict[str, Any]] = {}
        bytes_of = 0
        for policy in policies:
            progress("comparing", done, total)
            done += 1
            prepared = vary(first, _at(scenario, policy, capacity))
            run = run_policy(prepared, Journal(keep=False))
            saved[policy] = _saved(baseline, run)
            figures[policy] = _figures(run)
            bytes_of = prepared.tiers[0].capacity_bytes
        progress("comparing", done, total)
        done += 1
        bounded = vary(first, _at(scenario, scenario.policy, capacity))
        clairvoyant = run_clairvoyant(bounded)
        bounds = {"clairvoyant": _saved(baseline, clairvoyant), "unbounded": unbounded}
        row = _row(capacity, bytes_of, saved, figures, bounds, used)
        most = saved_at_most(bounded)
        row["bounds"]["upper_bound"] = None if most is None else most.saved_s / float(used.sum())
        rows.append(row)
    progress("comparing", total, total)
    return {
        "schema": "chorus.comparison/1",
        "trace": {"name": trace.name, "sha256": trace.sha256(), "requests": len(trace)},
        "profile": scenario.profile,
        "bounds_over": scenario.policy,
        "interval": f"paired block bootstrap, {BLOCKS} blocks, {DRAWS} draws, 95 %",
        "rows": rows,
    }


def _at(scenario: Scenario, policy: str, capacity: str) -> Scenario:
    cache = msgspec.structs.replace(scenario.cache, capacity=capacity)
    return with_policy(msgspec.structs.replace(scenario, cache=cache), policy)


def _saved(baseline: Run, run: Run) -> FloatArray:
    """Return the GPU-seconds each request saves, shape ``(requests,)``."""
    saved: FloatArray = np.array(baseline.served.held) - np.array(run.served.held)
    return saved


def _figures(run: Run) -> dict[str, Any]:
    kinds = run.served.kinds()
    responses = run.responses()
    judged = {} if run.verdicts is None else {"judgements": judgements_block(run.verdicts, 0)}
    return judged | {
        "request_hit_ratio": 1 - kinds.count("fresh") / len(kinds),
        "response_p95_s": float(np.percentile(responses, 95)),
        "evictions": run.evictions,
    }


def _row(
    capacity: str,
    capacity_bytes: int,
    saved: dict[str, FloatArray],
    figures: dict[str, dict[str, Any]],
    bounds: dict[str, FloatArray],
    used: FloatArray,
) -> dict[str, Any]:
    draws = block_draws(len(used))
    before = block_sums(used)[draws].sum(axis=1)
    shares = {
        name: block_sums(values)[draws].sum(axis=1) / before for name, values in saved.items()
    }
    mean = {name: float(values.sum() / used.sum()) for name, values in saved.items()}
    best = max(mean, key=lambda name: mean[name])
    policies = {}
    for name in saved:
        behind = shares[best] - shares[name]
        policies[name] = {
            "saved_share": mean[name],
            "ci95": np.percentile(shares[name], [2.5, 97.5]).tolist(),
            "behind_best": mean[best] - mean[name],
            "behind_best_ci95": np.percentile(behind, [2.5, 97.5]).tolist(),
            "within_noise": bool(np.percentile(behind, 2.5) <= 0),
            **figures[name],
        }
    return {
        "capacity": capacity,
        "capacity_bytes": capacity_bytes,
        "best": best,
        "policies": policies,
        "bounds": {name: float(values.sum() / used.sum()) for name, values in bounds.items()},
    }
