"""The summary: what a run came to, as one table of plain numbers.

Every number is over the requests after the warm-up, in arrival order. ``None`` stands for a number
that does not exist (an interval over too few requests, the capacity of an unbounded cache).
"""

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.plan import PLAN_KINDS
from chorus_sim.compiled.columns import ServedColumns
from chorus_sim.judgements import Verdicts, judgements_block
from chorus_sim.scenario import PricesSection
from chorus_sim.served import Served
from chorus_sim.statistics import batch_means_interval

FloatArray = npt.NDArray[np.float64]
_GIB = 2**30
_HOUR = 3600.0

#: Requests per point of the cold-start curve.
COLD_START_REQUESTS = 1000

_FRESH = PLAN_KINDS.index("fresh")


class TierUse(msgspec.Struct, frozen=True, kw_only=True):
    """One tier at the end of a run; capacities are ``None`` where it has no bound."""

    name: str
    capacity_bytes: int | None
    occupied_bytes: int
    mean_capacity_bytes: float | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One finished run, ready to be summarised.

    ``engine`` is what carried it out, and ``engine_note`` why it was not the one asked for.
    ``verdicts`` are ``None`` where nothing is judged.
    """

    served: Served | ServedColumns
    gpus: int
    tiers: tuple[TierUse, ...]
    evicted_bytes: int
    evictions: int
    cpu_s: float
    engine: str = "simpy"
    engine_note: str = ""
    verdicts: Verdicts | None = None

    def responses(self) -> FloatArray:
        """Return the response times in arrival order, seconds."""
        finish: FloatArray = np.array(self.served.finish, dtype=np.float64)
        return finish - np.array(self.served.arrival, dtype=np.float64)


def summarise(
    run: Run, baseline: Run, *, cut: int, slo_s: float, prices: PricesSection
) -> dict[str, Any]:
    """Return the run's numbers beside those of ``baseline``, the same requests without a cache.

    ``cut`` is the number of leading requests discarded as warm-up.
    """
    served = run.served
    arrival = np.array(served.arrival)[cut:]
    start, finish = np.array(served.start)[cut:], np.array(served.finish)[cut:]
    response, waiting = finish - arrival, start - arrival
    held, before = float(np.sum(served.held[cut:])), float(np.sum(baseline.served.held[cut:]))
    codes = served.kind_codes()
    requests = len(codes) - cut
    counts = np.bincount(codes[cut:], minlength=len(PLAN_KINDS)).tolist()
    hits = dict(zip(PLAN_KINDS, counts, strict=True))
    span = float(finish.max() - arrival.min())
    old = baseline.served
    old_start, old_finish = np.array(old.start)[cut:], np.array(old.finish)[cut:]
    old_response = old_finish - np.array(old.arrival)[cut:]
    judged = None if run.verdicts is None else judgements_block(run.verdicts, cut)
    return {
        "requests": requests,
        "hits": hits,
        "request_hit_ratio": (requests - hits["fresh"]) / requests,
        "gpu_seconds": {
            "used": held,
            "saved": before - held,
            "saved_share": (before - held) / before if before else 0.0,
        },
        "service_time_s": distribution(finish - start),
        "response_time_s": distribution(response),
        "waiting_time_s": distribution(waiting),
        "speed_up": {
            "service": _ratio(
                float((old_finish - old_start).mean()), float((finish - start).mean())
            ),
            "response": _ratio(float(old_response.mean()), float(response.mean())),
        },
        "slo": {"target_s": slo_s, "goodput_per_s": float((response <= slo_s).sum()) / span},
        "slo_attainment": float((response <= slo_s).mean()),
        "utilisation": _utilisation(run, arrival.min(), finish.max()),
        "bytes": {
            "occupied": sum(tier.occupied_bytes for tier in run.tiers),
            "capacity": _capacity(run),
            "evicted": run.evicted_bytes,
            "evictions": run.evictions,
            "loaded": int(np.sum(served.load_bytes[cut:])),
            "stored": int(np.sum(served.store_bytes[cut:])),
        },
        "cost": _cost(run, held, span, requests, prices),
        "cold_start": cold_start(codes == _FRESH),
        "misses": dict(sorted(served.miss_reasons(cut).items())),
        **({} if judged is None else {"judgements": judged}),
    }


def distribution(values: FloatArray) -> dict[str, Any]:
    """Return mean, percentiles and the 95 % batch-means interval of the mean."""
    low, high = batch_means_interval(values)
    p50, p95, p99 = np.percentile(values, [50, 95, 99]).tolist()
    ci95 = [low, high] if math.isfinite(low) else None
    return {"mean": float(values.mean()), "p50": p50, "p95": p95, "p99": p99, "ci95": ci95}


def cold_start(missed: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return the hit ratio of each thousand requests, the warm-up included."""
    curve = []
    for low in range(0, len(missed), COLD_START_REQUESTS):
        part = missed[low : low + COLD_START_REQUESTS]
        ratio = 1 - int(part.sum()) / len(part)
        curve.append({"first": low, "requests": len(part), "request_hit_ratio": ratio})
    return curve


def _utilisation(run: Run, begin: float, end: float) -> float:
    """Return the share of GPU time between ``begin`` and ``end`` that was held."""
    if end <= begin:
        return 0.0
    start, held = np.array(run.served.start), np.array(run.served.held)
    worked = np.array(run.served.worker) >= 0
    inside = np.minimum(start + held, end) - np.maximum(start, begin)
    return float(np.clip(inside[worked], 0.0, None).sum()) / (run.gpus * (end - begin))


def _capacity(run: Run) -> int | None:
    sizes = [tier.capacity_bytes for tier in run.tiers]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _cost(
    run: Run, held: float, span: float, requests: int, prices: PricesSection
) -> dict[str, Any]:
    """Return dollars: GPU time used, memory held over the span, the whole fleet over the span."""
    gpu = held / _HOUR * prices.gpu_hour_usd
    memory = sum(
        (tier.occupied_bytes if tier.mean_capacity_bytes is None else tier.mean_capacity_bytes)
        / _GIB
        * span
        / _HOUR
        * prices.gib_hour_usd.get(tier.name, 0.0)
        for tier in run.tiers
    )
    fleet = run.gpus * span / _HOUR * prices.gpu_hour_usd + memory
    return {
        "usd_per_video": (gpu + memory) / requests,
        "gpu_usd": gpu,
        "memory_usd": memory,
        "fleet_usd": fleet,
        "fleet_usd_per_video": fleet / requests,
        "source": prices.source,
    }


def _ratio(before: float, after: float) -> float | None:
    return before / after if after > 0 else None
