"""What an operator sees of a server, as JSON."""

from typing import Any

import msgspec
import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_runtime.server.desk import Desk
from chorus_runtime.server.series import Series
from chorus_runtime.server.tally import Tally
from chorus_runtime.server.workers import Bench


def _judged(tally: Tally) -> dict[str, Any]:
    """Return how many videos were judged, and what was thought of those made with reuse."""
    verdicts = dict(tally.verdicts)
    reused = {key: count for key, count in verdicts.items() if key[0] not in ("fresh", "copy")}
    return {
        "videos": sum(verdicts.values()),
        "reused": sum(reused.values()),
        "reused_not_acceptable": sum(n for (_, acceptable), n in reused.items() if not acceptable),
    }


def state_of(desk: Desk, bench: Bench, series: Series) -> dict[str, Any]:
    """Return queue, cache, answers so far, the last minutes and the last videos."""
    chorus, tally, workers, log = bench.chorus, bench.tally, desk.workers, bench.log
    kinds = {kind: tally.kinds[kind] for kind in PLAN_KINDS}
    answered = sum(kinds.values())
    recent = [record.finish_s - record.arrival_s for record in tally.recent()]
    return {
        "model": desk.default.model,
        "policy": {"name": chorus.policy.name, "fingerprint": chorus.policy.fingerprint},
        "now_s": chorus.now(),
        "draining": desk.draining,
        "queue": {
            "waiting": workers.waiting,
            "running": len(workers.running),
            "limit": desk.rule.waiting,
            "workers": workers.number,
            "mean_service_s": tally.mean_held_s,
            "wait_s": desk.wait_s(),
        },
        "kinds": kinds,
        "hit_ratio": (answered - kinds["fresh"]) / answered if answered else None,
        "failures": dict(tally.failures),
        "judged": _judged(tally) | {"recalled": desk.experience.recalled if desk.experience else 0},
        "seconds_saved": tally.saved_s,
        "stage_s": dict(tally.stage_s),
        "response": {
            "answers": len(recent),
            "mean_s": float(np.mean(recent)) if recent else None,
            "p50_s": float(np.percentile(recent, 50)) if recent else None,
            "p95_s": float(np.percentile(recent, 95)) if recent else None,
        },
        "cache": msgspec.to_builtins(chorus.state()),
        "store": {"trouble": chorus.store.trouble},
        "hands": None if bench.hands is None else msgspec.to_builtins(bench.hands()),
        "log": None if log is None else {"run": log.path.name, "trouble": log.trouble},
        "series": msgspec.to_builtins(list(series.points)),
        "last": msgspec.to_builtins(tally.last()),
    }
