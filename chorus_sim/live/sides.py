"""Both sides of a validation, request beside request: times, stages, kinds."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chorus_policies.live.record import STAGES
from chorus_policies.plan import PLAN_KINDS
from chorus_sim.live.errors_of import FloatArray, beside, by_request, figures, relative
from chorus_sim.live.predict import column

#: Stages as they are compared; ``server`` is what no stage counts before the answer (being picked
#: up by a worker included), ``after`` what the worker does after it (storing included).
COMPARED = (*(stage for stage in STAGES if stage != "store"), "server", "after")


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Records of both sides over the requests compared, row by row the same request."""

    predicted: pa.Table
    measured: pa.Table


def seconds(table: pa.Table, name: str) -> FloatArray:
    """Return response, waiting or service seconds of records."""
    arrival, start = column(table, "arrival_s"), column(table, "start_s")
    finish = column(table, "finish_s")
    first, last = {
        "response": (arrival, finish),
        "waiting": (arrival, start),
        "service": (start, finish),
    }[name]
    return last - first


def stage_seconds(table: pa.Table, name: str) -> FloatArray:
    """Return the seconds of one of ``COMPARED``."""
    if name == "after":
        return column(table, "held_s") - seconds(table, "service")
    if name == "server":
        rest = seconds(table, "service")
        for stage in COMPARED[:-2]:
            rest = rest - column(table, f"{stage}_s")
        return rest
    return column(table, f"{name}_s")


def stages(both: Sides) -> list[dict[str, Any]]:
    """Return each stage over the requests that both sides computed, and their sum."""
    computed = _computed(both.predicted) & _computed(both.measured)
    service = float(seconds(both.measured, "service")[computed].mean())
    rows = []
    for name in COMPARED:
        one, other = (
            stage_seconds(side, name)[computed] for side in (both.predicted, both.measured)
        )
        rows.append(
            {
                "stage": name,
                "workload": beside(figures(one), figures(other)),
                "by_request": by_request(one, other),
                "error_of_service": (float(one.mean()) - float(other.mean())) / service,
            }
        )
    return rows


def by_kind(both: Sides) -> dict[str, Any]:
    """Return service and denoising by kind, over requests of the same kind on both sides."""
    one, other = (np.array(side["kind"].to_pylist()) for side in (both.predicted, both.measured))
    rows = {}
    for kind in PLAN_KINDS:
        here = (one == kind) & (other == kind)
        if here.any():
            rows[kind] = {"requests": int(here.sum())} | {
                name: beside(
                    {"mean": float(read(both.predicted)[here].mean())},
                    {"mean": float(read(both.measured)[here].mean())},
                )["mean"]
                for name, read in (
                    ("service", _service_s),
                    ("denoise", _denoise_s),
                )
            }
            share = column(both.measured, "active_share")[here]
            if kind == "regional":
                rows[kind]["active_share"] = {
                    "predicted": float(column(both.predicted, "active_share")[here].mean()),
                    "measured": float(np.nanmean(share)),
                }
    return rows


def _service_s(table: pa.Table) -> FloatArray:
    return seconds(table, "service")


def _denoise_s(table: pa.Table) -> FloatArray:
    return stage_seconds(table, "denoise")


def _computed(table: pa.Table) -> np.ndarray:
    kinds = np.array(table["kind"].to_pylist())
    computed: np.ndarray = kinds != "copy"
    return computed


def kinds_of(both: Sides) -> dict[str, Any]:
    """Return the kinds of both sides, crossed."""
    one, other = (side["kind"].to_pylist() for side in (both.predicted, both.measured))
    pairs = Counter(zip(one, other, strict=True))
    return {
        "equal": sum(first == second for first, second in zip(one, other, strict=True)) / len(one),
        "predicted": {kind: one.count(kind) for kind in PLAN_KINDS},
        "measured": {kind: other.count(kind) for kind in PLAN_KINDS},
        "confusion": {
            first: {second: pairs[(first, second)] for second in PLAN_KINDS} for first in PLAN_KINDS
        },
    }


def drift(both: Sides) -> list[dict[str, float | None]]:
    """Return the error of the mean service time in each quarter of the run."""
    one, other = (seconds(side, "service") for side in (both.predicted, both.measured))
    parts = np.array_split(np.arange(len(one)), 4)
    return [
        {"error": relative(float(one[part].mean()), float(other[part].mean()))} for part in parts
    ]


def given_stages(informed: pa.Table, measured: pa.Table) -> dict[str, Any]:
    """Return the response times the model gives when it is told the measured stage times."""
    one, other = (seconds(side, "response") for side in (informed, measured))
    return {"workload": beside(figures(one), figures(other)), "by_request": by_request(one, other)}
