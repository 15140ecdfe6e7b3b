"""The explanation of a run: why requests missed, what more would be worth, regret by hour.

It costs up to three further runs: with more bytes, with one GPU more, and the clairvoyant bound
where the scenario did not ask for it.
"""

from typing import Any

import numpy as np

from chorus_policies.journal import JournalRow
from chorus_sim.experiment import Prepared, Progress
from chorus_sim.marginal import next_bytes, next_gpu
from chorus_sim.runs import run_clairvoyant
from chorus_sim.summary import Run
from chorus_sim.why_missed import CAUSES, Missed, why_missed

SCHEMA = "chorus.explanation/1"
_HOUR = 3600.0


def explain(
    prepared: Prepared,
    runs: dict[str, Run],
    rows: list[JournalRow],
    cut: int,
    progress: Progress,
) -> dict[str, Any]:
    """Return the explanation of ``runs["policy"]``, whose journal is ``rows``.

    ``cut`` leading requests are discarded as warm-up. ``runs`` holds the run without a cache, and
    the clairvoyant one where it was made.
    """
    run = runs["policy"]
    progress("explaining", 0, 4)
    missed = why_missed(prepared, run, rows)
    progress("explaining", 1, 4)
    bytes_ = next_bytes(prepared, run, cut)
    progress("explaining", 2, 4)
    gpu = next_gpu(prepared, run, cut)
    progress("explaining", 3, 4)
    clairvoyant = runs.get("clairvoyant") or run_clairvoyant(prepared)
    progress("explaining", 4, 4)
    return {
        "schema": SCHEMA,
        "why_missed": _summed(missed, cut),
        "next_bytes": bytes_,
        "next_gpu": gpu,
        "regret": _regret(runs["no_cache"], run, clairvoyant, cut),
    }


def _summed(missed: Missed, cut: int) -> dict[str, dict[str, Any]]:
    """Return requests and lost GPU-seconds by cause, after the warm-up."""
    counted = missed.place >= cut
    cause, lost = missed.cause[counted], missed.lost_s[counted]
    return {
        name: {
            "requests": int((cause == number).sum()),
            "lost_gpu_seconds": float(lost[cause == number].sum()),
        }
        for number, name in enumerate(CAUSES)
    }


def _regret(baseline: Run, run: Run, clairvoyant: Run, cut: int) -> list[dict[str, Any]]:
    """Return, by hour since the first arrival, what the policy and the clairvoyant bound save."""
    arrival = np.array(run.served.arrival)
    hour = ((arrival - arrival[0]) // _HOUR).astype(np.int64)[cut:]
    before = np.array(baseline.served.held)
    saved = {
        name: (before - np.array(one.served.held))[cut:]
        for name, one in (("policy", run), ("clairvoyant", clairvoyant))
    }
    return [
        {
            "hour": number,
            "requests": int((hour == number).sum()),
            **{
                f"{name}_saved_s": float(part[hour == number].sum()) for name, part in saved.items()
            },
        }
        for number in np.unique(hour).tolist()
    ]
