"""The numbers of a point: the summary of its run as one flat row."""

from typing import Any

import numpy as np
import pyarrow as pa

from chorus_policies.plan import PLAN_KINDS
from chorus_sim.scenario import PricesSection
from chorus_sim.summary import Run

_DISTRIBUTION = ("mean", "p50", "p95", "p99", "ci95_low", "ci95_high")
_TIMES = ("response_time_s", "waiting_time_s", "service_time_s")
_BYTES = ("occupied", "capacity", "evicted", "evictions", "loaded", "stored")
_COST = ("usd_per_video", "gpu_usd", "memory_usd", "fleet_usd", "fleet_usd_per_video")
_COUNTED = ("judged", "reused", "unknown", "had_donor", "false_hits")

#: Column and type of every number, in the order of the result set.
COLUMNS: dict[str, pa.DataType] = {
    "gpus": pa.int64(),
    "requests": pa.int64(),
    "request_hit_ratio": pa.float64(),
    **{f"hits.{kind}": pa.int64() for kind in PLAN_KINDS},
    **{f"gpu_seconds.{name}": pa.float64() for name in ("used", "saved", "saved_share")},
    **{f"{name}.{figure}": pa.float64() for name in _TIMES for figure in _DISTRIBUTION},
    "speed_up.service": pa.float64(),
    "speed_up.response": pa.float64(),
    "slo.target_s": pa.float64(),
    "slo.goodput_per_s": pa.float64(),
    "slo_attainment": pa.float64(),
    "utilisation": pa.float64(),
    **{f"bytes.{name}": pa.int64() for name in _BYTES},
    **{f"cost.{name}": pa.float64() for name in _COST},
    "net_value_usd": pa.float64(),
    "quality.requests": pa.int64(),
    "quality.known": pa.int64(),
    **{f"quality.{name}": pa.float64() for name in ("share", "low", "high")},
    **{f"judgements.{name}": pa.int64() for name in _COUNTED},
    **{f"judgements.{name}": pa.float64() for name in ("false_hit_rate", "delta")},
    "engine": pa.string(),
    "engine_note": pa.string(),
}


def flat(summary: dict[str, Any], prices: PricesSection, run: Run) -> dict[str, Any]:
    """Return the row of a run: nested names joined by dots, intervals as low and high.

    ``quality`` are those of the requests reused; ``None`` everywhere if no curve predicts it, and
    so are ``judgements`` where nothing is judged.
    """
    row: dict[str, Any] = {"gpus": run.gpus, "engine": run.engine, "engine_note": run.engine_note}
    for name, value in summary.items():
        if isinstance(value, dict):
            row |= {f"{name}.{key}": number for key, number in value.items()}
        else:
            row[name] = value
    for name in _TIMES:
        low, high = row.pop(f"{name}.ci95") or (None, None)
        row |= {f"{name}.ci95_low": low, f"{name}.ci95_high": high}
    reused = summary.get("quality", {}).get("reused", {})
    row |= {name: reused.get(name.partition(".")[2]) for name in COLUMNS if name[:8] == "quality."}
    row = {name: None for name in COLUMNS if name[:10] == "judgements"} | row
    row["net_value_usd"] = net_value_usd(summary, prices)
    return {column: _plain(row[column]) for column in COLUMNS}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def net_value_usd(summary: dict[str, Any], prices: PricesSection) -> float:
    """Return what the GPU time saved is worth less what the memory costs, over the run."""
    saved = summary["gpu_seconds"]["saved"] / 3600 * prices.gpu_hour_usd
    return float(saved - summary["cost"]["memory_usd"])
