"""What the next bytes and the next GPU are worth: the run again with a little more of one.

Both runs see the same requests with the same luck, so each request is its own comparison. Intervals
are those of a paired block bootstrap over the requests (``bootstrap.py``): they cover other draws
of this traffic, not other traffic.
"""

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from chorus_policies.journal import Journal
from chorus_sim.bootstrap import FloatArray, block_draws, block_edges, block_sums, interval
from chorus_sim.experiment import Prepared
from chorus_sim.runs import run_policy
from chorus_sim.summary import Run

_GIB = 2**30
_HOUR = 3600.0

#: Share of the first tier's capacity that is added, where that is more than 1 GiB.
_SHARE = 0.1

#: Draws of a percentile: each takes all requests, so there are fewer than for sums.
_PERCENTILE_DRAWS = 200


def next_bytes(prepared: Prepared, run: Run, cut: int) -> dict[str, Any]:
    """Return what 1 GiB, or a tenth of the first tier if that is more, would save.

    Dollars are per hour of the span: GPU time at its price against memory at its price.
    """
    tier = prepared.tiers[0]
    added = max(_GIB, round(tier.capacity_bytes * _SHARE))
    larger = msgspec.structs.replace(tier, capacity_bytes=tier.capacity_bytes + added)
    tiers = (larger, *prepared.tiers[1:])
    more = run_policy(msgspec.structs.replace(prepared, tiers=tiers), Journal(keep=False))
    saved = _held(run, cut) - _held(more, cut)
    hours = _span_s(run, cut) / _HOUR
    prices = prepared.scenario.prices
    per_gpu_s = prices.gpu_hour_usd / _HOUR / hours
    return {
        "tier": tier.name,
        "from_bytes": tier.capacity_bytes,
        "added_bytes": added,
        "gpu_seconds_saved": _difference(saved, mean=False),
        "saved_usd_per_hour": _scaled(_difference(saved, mean=False), per_gpu_s),
        "memory_usd_per_hour": added / _GIB * prices.gib_hour_usd.get(tier.name, 0.0),
        "hit_ratio": _difference(_hits(more, cut) - _hits(run, cut), mean=True),
        "response_s": _difference(_response(run, cut) - _response(more, cut), mean=True),
    }


def next_gpu(prepared: Prepared, run: Run, cut: int) -> dict[str, Any]:
    """Return what one GPU more would do to the response time and the SLO attainment."""
    larger = msgspec.structs.replace(prepared, gpus=prepared.gpus + 1)
    more = run_policy(larger, Journal(keep=False))
    before, after = _response(run, cut), _response(more, cut)
    met = (after <= prepared.slo_s).astype(float) - (before <= prepared.slo_s)
    return {
        "from_gpus": prepared.gpus,
        "usd_per_hour": prepared.scenario.prices.gpu_hour_usd,
        "response_s": _difference(before - after, mean=True),
        "response_p95_s": _percentile_difference(before, after),
        "slo_attainment": _difference(met, mean=True),
    }


def _held(run: Run, cut: int) -> FloatArray:
    return np.array(run.served.held, dtype=np.float64)[cut:]


def _response(run: Run, cut: int) -> FloatArray:
    return run.responses()[cut:]


def _hits(run: Run, cut: int) -> FloatArray:
    return np.array([kind != "fresh" for kind in run.served.kinds()[cut:]], dtype=np.float64)


def _span_s(run: Run, cut: int) -> float:
    return max(run.served.finish[cut:]) - min(run.served.arrival[cut:])


def _difference(values: FloatArray, *, mean: bool) -> dict[str, Any]:
    """Return the mean or the sum of paired differences with its 95 % interval."""
    draws = block_draws(len(values))
    drawn = block_sums(values)[draws].sum(axis=1)
    if mean:
        sizes = np.diff(block_edges(len(values)))
        return {"value": float(values.mean()), "ci95": interval(drawn / sizes[draws].sum(axis=1))}
    return {"value": float(values.sum()), "ci95": interval(drawn)}


def _scaled(difference: dict[str, Any], factor: float) -> dict[str, Any]:
    low, high = difference["ci95"]
    return {"value": difference["value"] * factor, "ci95": (low * factor, high * factor)}


def _percentile_difference(before: FloatArray, after: FloatArray) -> dict[str, Any]:
    edges = block_edges(len(before))
    blocks = [np.arange(low, high) for low, high in pairwise(edges)]
    drawn = []
    for draw in block_draws(len(before))[:_PERCENTILE_DRAWS]:
        places = np.concatenate([blocks[block] for block in draw])
        drawn.append(np.percentile(before[places], 95) - np.percentile(after[places], 95))
    value = float(np.percentile(before, 95) - np.percentile(after, 95))
    return {"value": value, "ci95": interval(np.array(drawn))}
