"""Predicted beside measured, for one live run: stages, responses, decisions.

The prediction is the simulator's for the same requests with a profile measured before the run. Its
figures are medians over draws of the stage times, its intervals what those draws span. Stage errors
stand beside end-to-end ones, so that errors that cancel can be seen.
"""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from chorus_policies.costs.profile import Profile
from chorus_policies.live.record import records_table
from chorus_policies.policy import Policy
from chorus_sim.live.decisions import CAUSES, Differing, World, differing
from chorus_sim.live.errors_of import beside, by_request, figures, relative
from chorus_sim.live.predict import Predicted, Replica, column
from chorus_sim.live.replay_journal import compare_rows
from chorus_sim.live.run import LiveRun
from chorus_sim.live.sides import (
    Sides,
    by_kind,
    drift,
    given_stages,
    kinds_of,
    seconds,
    stages,
)
from chorus_sim.live.stale import check_fresh
from chorus_traces.errors import ScenarioError

SCHEMA = "chorus.validation/1"

#: Draws of stage times behind every predicted figure and interval.
REPLICATIONS = 40

#: What the project asks of a prediction.
TARGETS = {"mean": 0.03, "p95": 0.05, "kinds": 0.99}

#: Fewer requests have no 95th percentile to speak of.
LEAST_REQUESTS = 20


def validate(
    run: LiveRun,
    profile: Profile,
    policy: Policy,
    *,
    allow_stale: bool = False,
    replications: int = REPLICATIONS,
) -> dict[str, Any]:
    """Return the validation as one object of plain numbers and texts.

    Requests flagged as warm-up, and those the replay did not send, are served in both worlds and
    compared in none: they say what the cache held. Raises ``ProfileError`` for a stale profile,
    ``ScenarioError`` for too few requests.
    """
    stale = check_fresh(profile, run, allow_stale=allow_stale)
    replica = Replica(run, profile, policy)
    names = [one.id for one in replica.requests]
    others = run.others
    counted = np.array([name not in run.warm_up and name not in others for name in names])
    if counted.sum() < LEAST_REQUESTS:
        beside = f" (and {len(others)} that this replay did not send)" if others else ""
        raise ScenarioError(
            f"{run.folder}: {counted.sum()} requests to compare after the warm-up{beside}; at "
            f"least {LEAST_REQUESTS} are needed"
        )
    expected = replica.expected()
    draws = [replica.drawn(seed).records for seed in range(replications)]
    measured = records_table([run.records[name] for name in names])
    informed = replica.informed(expected.records).records
    both = Sides(
        predicted=expected.records.filter(pa.array(counted)),
        measured=measured.filter(pa.array(counted)),
    )
    drawn = [table.filter(pa.array(counted)) for table in draws]
    found, found_kinds = _decisions(run, expected, names, counted)
    times = {name: _compared(name, drawn, both.measured) for name in _TIMES}
    kinds = kinds_of(both)
    return {
        "schema": SCHEMA,
        "run": _run(run, both, len(names) - len(others) - int(counted.sum())),
        "profile": {
            "name": profile.name,
            "source": profile.source,
            "date": profile.date,
            "note": profile.note,
            "stale": stale,
        },
        "policy": {"name": policy.name, "fingerprint": policy.fingerprint},
        "replications": replications,
        "times": times,
        "given_stages": given_stages(informed.filter(pa.array(counted)), both.measured),
        "drift": drift(both),
        "pick_up": _picked_up([run.picked_up_s[one] for one in names if one in run.picked_up_s]),
        "stages": stages(both),
        "by_kind": by_kind(both),
        "kinds": kinds,
        "decisions": {
            "differ": len(found),
            "causes": dict(Counter(one.cause for one in found)),
            "meaning": {cause: CAUSES[cause] for cause in {one.cause for one in found}},
            "in_kind": found_kinds,
            "list": [msgspec.to_builtins(one) for one in found],
        },
        "gpu_seconds": _gpu_seconds(drawn, both),
        "client": _client(run),
        "journal": _journal(run),
        "verdict": _verdict(times["response"], kinds["equal"]),
        "requests": _requests(both, drawn),
    }


_TIMES = ("response", "waiting", "service")


def _picked_up(taken_s: list[float]) -> dict[str, float | int | None]:
    """Return how long workers took to begin, which counts as part of ``server``."""
    return {"requests": len(taken_s), "mean_s": float(np.mean(taken_s)) if taken_s else None}


def _compared(name: str, drawn: list[pa.Table], measured: pa.Table) -> dict[str, Any]:
    real = seconds(measured, name)
    all_drawn = np.array([seconds(table, name) for table in drawn])
    each = [figures(values) for values in all_drawn]
    middle = {key: float(np.median([one[key] for one in each])) for key in each[0]}
    rows = beside(middle, figures(real))
    for key, row in rows.items():
        low, high = np.percentile([one[key] for one in each], [2.5, 97.5]).tolist()
        row |= {"interval": [low, high], "inside": low <= row["measured"] <= high}
    return {"workload": rows, "by_request": by_request(np.median(all_drawn, axis=0), real)}


def _decisions(
    run: LiveRun, expected: Predicted, names: list[str], counted: np.ndarray
) -> tuple[list[Differing], int]:
    name_of = {key: name for name, key in run.key_of.items()}
    live, simulated = World(run.journal, name_of), World(expected.journal, name_of)
    wanted = [name for name, counts in zip(names, counted, strict=True) if counts]
    found = differing(simulated, live, wanted)
    return found, sum(one.in_kind for one in found)


def _gpu_seconds(drawn: list[pa.Table], both: Sides) -> dict[str, Any]:
    each = [float(column(table, "held_s").sum()) for table in drawn]
    real = float(column(both.measured, "held_s").sum())
    low, high = np.percentile(each, [2.5, 97.5]).tolist()
    middle = float(np.median(each))
    return {
        "predicted": middle,
        "measured": real,
        "error": relative(middle, real),
        "interval": [low, high],
    }


def _run(run: LiveRun, both: Sides, discarded: int) -> dict[str, Any]:
    arrival = column(both.measured, "arrival_s")
    begin, end = float(arrival.min()), float(column(both.measured, "finish_s").max())
    held = float(column(both.measured, "held_s").sum())
    facts, sent = run.facts, run.sent or run.failures
    return {
        "folder": run.folder.name,
        "model": facts.model,
        "device": facts.device,
        "embedder": facts.embedder,
        "workers": facts.workers,
        "tiers": [{"name": tier.name, "bytes": tier.capacity_bytes} for tier in facts.tiers],
        "received": len(run.requests),
        "compared": both.measured.num_rows,
        "warm_up": discarded,
        "others": len(run.others),
        "failed": dict(Counter(one.status for name, one in run.failures.items() if name in sent)),
        "span_s": end - begin,
        "utilisation": held / (facts.workers * (end - begin)),
        "utilisation_predicted": float(column(both.predicted, "held_s").sum())
        / (facts.workers * _span(both.predicted)),
    }


def _span(table: pa.Table) -> float:
    return float(column(table, "finish_s").max() - column(table, "arrival_s").min())


def _client(run: LiveRun) -> dict[str, Any]:
    """Return what the client saw beyond the server: not simulated, but measured."""
    rows = [
        (one, run.records[name])
        for name, one in run.sent.items()
        if name in run.records and one.status == 200 and not one.warm_up
    ]
    if not rows:
        return {"requests": 0}
    beyond = np.array(
        [one.answered_s - one.sent_s - (made.finish_s - made.arrival_s) for one, made in rows]
    )
    late = np.array([one.sent_s - one.planned_s for one in run.sent.values()])
    return {
        "requests": len(rows),
        "http_s": figures(beyond),
        "late_s": figures(late),
        "statuses": dict(Counter(str(one.status) for one in run.sent.values())),
    }


def _journal(run: LiveRun) -> dict[str, Any]:
    done = compare_rows(run.calls, run.journal, run.facts, run.policy)
    return {
        "rows": done.rows,
        "calls": done.calls,
        "equal": done.difference is None,
        "torn": done.torn,
    }


def _verdict(response: dict[str, Any], equal: float) -> dict[str, Any]:
    rows = response["workload"]
    verdict = {}
    for name in ("mean", "p95"):
        error = rows[name]["error"]
        verdict[name] = {
            "error": error,
            "target": TARGETS[name],
            "met": error is not None and abs(error) <= TARGETS[name],
            "inside_interval": rows[name]["inside"],
        }
    verdict["kinds"] = {
        "equal": equal,
        "target": TARGETS["kinds"],
        "met": equal >= TARGETS["kinds"],
    }
    return verdict


def _requests(both: Sides, drawn: list[pa.Table]) -> dict[str, Any]:
    """Return what the plots of a report need, request by request."""
    predicted = np.median([seconds(table, "response") for table in drawn], axis=0)
    arrival = column(both.measured, "arrival_s")
    return {
        "arrival_s": (arrival - arrival.min()).tolist(),
        "response_predicted_s": predicted.tolist(),
        "response_measured_s": seconds(both.measured, "response").tolist(),
        "service_predicted_s": seconds(both.predicted, "service").tolist(),
        "service_measured_s": seconds(both.measured, "service").tolist(),
        "kind": both.measured["kind"].to_pylist(),
    }
