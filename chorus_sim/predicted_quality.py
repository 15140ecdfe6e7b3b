"""Predicted quality: what a quality curve says of every request that was served with reuse.

The simulator makes no frame. A curve measured on one model says how often a clip made with as much
reuse still shows what its prompt asks for; on any other model that is an assumption, and labelled
so. What the curve did not measure stays unknown.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from chorus_policies.costs.differing_words import differing_words
from chorus_policies.costs.quality import Acceptable, QualityCurve, reuses
from chorus_policies.plan import Copy, Fresh, kind_of
from chorus_sim.compiled.columns import ServedColumns
from chorus_sim.experiment import Prepared
from chorus_sim.served import Served
from chorus_sim.summary import Run
from chorus_sim.workload import Workload
from chorus_traces.trace import Trace

Prediction = Acceptable | str | None


def add_quality(
    tables: dict[str, dict[str, Any]],
    curve: QualityCurve,
    runs: dict[str, Run],
    prepared: Prepared,
    cut: int,
) -> dict[str, list[Prediction]]:
    """Give each run's table its ``quality`` block; return the predictions by run."""
    predictions = {}
    for name, run in runs.items():
        found = predict(curve, run.served, prepared.workload, prepared.trace)
        tables[name]["quality"] = quality_block(curve, found, run.served, prepared.workload, cut)
        predictions[name] = found
    return predictions


def predict(
    curve: QualityCurve, served: Served | ServedColumns, workload: Workload, trace: Trace
) -> list[Prediction]:
    """Return what the curve says of each request, or why it does not know.

    ``None`` is a request whose clip is as full compute makes it: fresh, or a copy.
    """
    prompts = [request.prompt for request in trace.requests]
    found: list[Prediction] = []
    for place, plan in enumerate(served.plan):
        if isinstance(plan, Fresh | Copy) or not reuses(plan):
            found.append(None)
            continue
        words = differing_words(prompts[place], prompts[plan.donor])
        found.append(curve.at(plan, workload.queries[place].steps, plan.similarity, words))
    return found


def quality_block(
    curve: QualityCurve,
    predictions: Sequence[Prediction],
    served: Served | ServedColumns,
    workload: Workload,
    cut: int,
) -> dict[str, Any]:
    """Return the expected share of acceptable clips among the requests reused, and by kind of plan.

    The first ``cut`` requests are left out. Ends of an interval are means of the cells' ends: cells
    err together, so averaging does not narrow them.
    """
    models = {profile.model for profile in workload.profiles}
    own = all(model.removesuffix("-4step") == curve.model for model in models)
    label = "measured" if own else f"measured on {curve.model}, assumed here"
    kinds = [kind_of(plan) for plan in served.plan][cut:]
    kept = [
        (kind, one) for kind, one in zip(kinds, predictions[cut:], strict=True) if one is not None
    ]
    plain = curve.at(Fresh(reason="full compute"), workload.queries[0].steps, 0.0, 0)
    reasons = Counter(one for _, one in kept if isinstance(one, str))
    return {
        "curve": curve.model,
        "label": label,
        "acceptable": curve.acceptable,
        "embedder": curve.embedder,
        "full_compute": None if isinstance(plain, str) else _values(plain),
        "reused": _expected([one for _, one in kept]),
        "by_kind": {
            kind: _expected([one for name, one in kept if name == kind])
            for kind in sorted({name for name, _ in kept})
        },
        "unknown_because": dict(sorted(reasons.items())),
    }


def with_predictions(records: pa.Table, predictions: Sequence[Prediction]) -> pa.Table:
    """Return the records with a column each for P(acceptable) and its interval."""
    for column, name in (
        ("p_acceptable", "share"),
        ("p_acceptable_low", "low"),
        ("p_acceptable_high", "high"),
    ):
        values = [
            getattr(one, name) if isinstance(one, Acceptable) else None for one in predictions
        ]
        records = records.append_column(column, pa.array(values, pa.float64()))
    return records


def _expected(found: list[Acceptable | str]) -> dict[str, Any]:
    known = [one for one in found if isinstance(one, Acceptable)]
    result: dict[str, Any] = {"requests": len(found), "known": len(known)}
    for name in ("share", "low", "high"):
        mean = sum(getattr(one, name) for one in known) / len(known) if known else None
        result[name] = mean
    return result


def _values(one: Acceptable) -> dict[str, float]:
    return {"share": one.share, "low": one.low, "high": one.high}
