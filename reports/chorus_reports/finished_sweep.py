"""The finished sweep: a study folder as columns over its configurations, seeds averaged."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from chorus_reports.finished_run import FloatArray
from chorus_traces.errors import ScenarioError

SEED, CAPACITY = "run.seed", "cache.capacity"

#: The numbers the report reads; a result set holds more.
METRICS = (
    "request_hit_ratio",
    "gpu_seconds.used",
    "gpu_seconds.saved",
    "gpu_seconds.saved_share",
    "response_time_s.mean",
    "response_time_s.p95",
    "slo_attainment",
    "utilisation",
    "cost.usd_per_video",
    "cost.fleet_usd_per_video",
)


class FinishedSweep(msgspec.Struct, frozen=True, kw_only=True):
    """A study in memory.

    ``fields`` are the axes that take more than one value, but for the seed; ``values`` their value
    per configuration as text, ``order`` the values as the grid lists them. ``metrics`` are means
    over the seeds ``(configurations,)``; ``spread`` is half of least to most over them.
    ``capacity_bytes`` is NaN where a cache has no limit.
    """

    study: dict[str, Any]
    fields: tuple[str, ...]
    order: dict[str, tuple[str, ...]]
    values: dict[str, tuple[str, ...]]
    metrics: dict[str, FloatArray]
    spread: dict[str, FloatArray]
    capacity_bytes: FloatArray
    gpus: FloatArray
    seeds: int
    points: int
    slo_s: float
    engines: tuple[str, ...]
    engine_notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.gpus)

    def numbers(self, field: str) -> FloatArray | None:
        """Return a field's value per configuration as numbers; ``None`` where some are words."""
        if field == CAPACITY:
            return None if np.isnan(self.capacity_bytes).any() else self.capacity_bytes
        try:
            return np.array([float(value) for value in self.values[field]])
        except ValueError:
            return None

    def name_of(self, place: int) -> str:
        """Return a configuration in words: ``policy lru, capacity 4GiB``."""
        pairs = [f"{short(field)} {self.values[field][place]}" for field in self.fields]
        return ", ".join(pairs) or "the only configuration"


def short(field: str) -> str:
    """Return the last name of a dotted field."""
    last = field.rpartition(".")[2].replace("_", " ")
    return "GPUs" if last == "gpus" else last


def read_sweep(folder: Path) -> FinishedSweep:
    """Read a study folder. Raises ``ScenarioError`` on a file that is missing or damaged."""
    try:
        study = json.loads((folder / "study.json").read_bytes())
        table = pq.read_table(folder / "results.parquet")
        return _read(study, table)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise ScenarioError(
            f"{folder}: not a whole study ({type(error).__name__}: {reason}); carry out the sweep "
            "again, finished points are kept"
        ) from error


def _read(study: dict[str, Any], table: pa.Table) -> FinishedSweep:
    if not len(table):
        raise ValueError("results.parquet holds no point")
    axes = {axis["field"]: tuple(map(str, axis["values"])) for axis in study["axes"]}
    varying = tuple(field for field in axes if field != SEED and len(axes[field]) > 1)
    texts = {field: [str(value) for value in table[field].to_pylist()] for field in varying}
    keys = list(zip(*texts.values(), strict=True)) if varying else [()] * len(table)
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    group = np.array([number[key] for key in keys])
    places = np.unique(group, return_index=True)[1].tolist()
    return FinishedSweep(
        study=study,
        fields=varying,
        order={field: tuple(dict.fromkeys(texts[field])) for field in varying},
        values={field: tuple(texts[field][place] for place in places) for field in varying},
        metrics={name: _mean(_floats(table[name]), group) for name in METRICS},
        spread={name: _spread(_floats(table[name]), group) for name in METRICS},
        capacity_bytes=_floats(table["bytes.capacity"])[places],
        gpus=_floats(table["gpus"])[places],
        seeds=int(np.bincount(group).max()),
        points=len(table),
        slo_s=float(_floats(table["slo.target_s"])[0]),
        engines=_distinct(table["engine"]),
        engine_notes=_distinct(table["engine_note"]),
    )


def _distinct(column: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(sorted(text for text in set(column.to_pylist()) if text))


def _floats(column: pa.ChunkedArray) -> FloatArray:
    floats: FloatArray = column.cast("float64").to_numpy()
    return floats


def _mean(values: FloatArray, group: npt.NDArray[np.int64]) -> FloatArray:
    mean: FloatArray = np.bincount(group, weights=values) / np.bincount(group)
    return mean


def _spread(values: FloatArray, group: npt.NDArray[np.int64]) -> FloatArray:
    """Return half of least to most over the seeds of each configuration."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    ordered = values[order]
    spread: FloatArray = (
        np.maximum.reduceat(ordered, starts) - np.minimum.reduceat(ordered, starts)
    ) / 2
    return spread
