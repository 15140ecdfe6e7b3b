"""The outcome of a plan: one object of plain values, ``plan.json``."""

from importlib.metadata import version
from typing import Any

import msgspec

from chorus_sim.plan.carry_out import Findings
from chorus_sim.plan.growth import Growth
from chorus_sim.plan.prices import SOURCE
from chorus_sim.plan.study import Study

SCHEMA = "chorus.plan/1"

#: How intervals were made and what fresh seeds are, by method.
METHODS = {
    "replications": "generated traffic: each seed is another day; Student's 95 % interval over "
    "seeds, verified on as many fresh days",
    "bootstrap": "recorded traffic: there is one recording only; 95 % block bootstrap over its "
    "blocks, pooled over seeds; verified on fresh seeds of the stage times and, above growth 1, of "
    "which sessions are copied and when. It cannot tell of days unlike the recorded ones",
}


def plan_object(study: Study, findings: Findings) -> dict[str, Any]:
    """Return the plan as plain values; equal studies give equal plans."""
    scenario, trace = study.traffic.scenario, study.traffic.trace
    return {
        "schema": SCHEMA,
        "goal": {
            "text": study.goal.text,
            "metric": study.goal.metric,
            "target_s": study.target_s,
            "attainment": study.goal.attainment or None,
        },
        "trace": {
            "name": trace.name,
            "sha256": trace.sha256(),
            "requests": len(trace),
            "span_s": trace.requests[-1].arrival_s - trace.requests[0].arrival_s,
            "what_if": scenario.trace.what_if,
            "preload": scenario.run.preload,
            "generated": study.traffic.generate is not None,
            "source": "modelled" if study.traffic.generate is not None else "measured",
        },
        "policy": scenario.policy,
        "profile": scenario.profile,
        "prices": msgspec.to_builtins(study.prices) | {"source": SOURCE},
        "gpu_limit": study.gpu_limit,
        "interval": METHODS[study.method],
        "seeds": study.seeds,
        "base_growth": study.base,
        "answers": [_answer(growth) for growth in findings.growth],
        "growth": [msgspec.to_builtins(growth) for growth in findings.growth],
        "isolation": msgspec.to_builtins(findings.isolation),
        "sensitivity": msgspec.to_builtins(findings.swings),
        "engine": {"chorus": version("chorus-cache"), "asked": scenario.run.engine},
    }


def _answer(growth: Growth) -> dict[str, Any]:
    """Return the line a manager reads: what to buy at one growth factor, or why nothing helps."""
    if growth.best is None:
        reasons = [
            {"capacity": cell.capacity, "what": bind.what, "text": bind.text}
            for cell in growth.cells
            for bind in cell.binds
        ]
        return {"growth": growth.growth, "feasible": False, "binds": reasons}
    best = growth.cells[growth.best]
    runner = None if growth.runner_up is None else growth.cells[growth.runner_up]
    without = next((cell for cell in growth.cells if not cell.cached), None)
    return {
        "growth": growth.growth,
        "feasible": True,
        "gpus": best.sizing.gpus,
        "gpus_least": best.sizing.gpus_least,
        "capacity": best.capacity,
        "estimate": msgspec.to_builtins(best.sizing.estimate),
        "request_hit_ratio": best.sizing.figures.request_hit_ratio,
        "cost": msgspec.to_builtins(best.cost),
        "runner_up": None
        if runner is None or runner.cost is None or best.cost is None
        else {
            "gpus": runner.sizing.gpus,
            "capacity": runner.capacity,
            "usd": runner.cost.usd,
            "more_usd": runner.cost.usd - best.cost.usd,
        },
        "without_cache": None
        if without is None
        else {
            "gpus": without.sizing.gpus if without.feasible else None,
            "usd": None if without.cost is None else without.cost.usd,
        },
        "cache_worth_usd": growth.cache_worth_usd,
        "source": best.source,
    }


def nothing_meets(plan: dict[str, Any]) -> str:
    """Return one line that says why no growth factor has an answer, or nothing if one has."""
    if any(answer["feasible"] for answer in plan["answers"]):
        return ""
    reasons = plan["answers"][0]["binds"]
    where = f"{reasons[-1]['capacity']}: " if len(reasons) > 1 else ""
    return (
        f"nothing meets {plan['goal']['text']}: {where}{reasons[-1]['text']}; all reasons are in "
        "plan.json"
    )
