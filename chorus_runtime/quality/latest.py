"""The latest k1 that keeps accuracy, and whether TGAA moves it: bootstrap over pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chorus_runtime.quality.trial import Trial

_DRAWS = 4000

Booleans = npt.NDArray[np.bool_]


def latest_k1(
    trials: Sequence[Trial], tolerance: float, *, kinds: Sequence[str] = (), seed: int = 0
) -> dict[str, Any]:
    """Return for each mode the latest k1 up to which accuracy stays near full compute.

    Near is within ``tolerance`` (0.01: one point) of full compute on the same pairs, at this k1 and
    at every earlier one that was measured; 0 where the first k1 loses more already. Intervals are
    95 % percentiles over bootstrap draws of pairs; ``moved_by_tgaa`` are the differences, on the
    same draws, to the mode without TGAA. ``kinds`` narrows the pairs, empty takes all.
    """
    chosen = [trial for trial in trials if not kinds or trial.kind in kinds]
    pairs = sorted({trial.pair for trial in chosen if trial.mode == "full"})
    place = {pair: number for number, pair in enumerate(pairs)}
    k1s = sorted({trial.k1 for trial in chosen if trial.mode != "full"})
    modes = sorted({trial.mode for trial in chosen if trial.mode != "full"})
    full = np.zeros(len(pairs), dtype=bool)
    shown = {mode: np.zeros((len(k1s), len(pairs)), dtype=bool) for mode in modes}
    for trial in chosen:
        if trial.mode == "full":
            full[place[trial.pair]] = trial.acceptable
        else:
            shown[trial.mode][k1s.index(trial.k1), place[trial.pair]] = trial.acceptable
    draws = np.random.default_rng(seed).integers(len(pairs), size=(_DRAWS, len(pairs)))
    drawn = {
        mode: np.array([_latest(verdicts[:, draw], full[draw], k1s, tolerance) for draw in draws])
        for mode, verdicts in shown.items()
    }
    found: dict[str, Any] = {
        mode: {
            "k1": _latest(verdicts, full, k1s, tolerance),
            "interval": _interval(drawn[mode]),
        }
        for mode, verdicts in shown.items()
    }
    moved = {}
    for without, with_tgaa in (("reuse", "reuse+tgaa"), ("srd", "srd+tgaa")):
        if without in found and with_tgaa in found:
            moved[with_tgaa] = {
                "steps": found[with_tgaa]["k1"] - found[without]["k1"],
                "interval": _interval(drawn[with_tgaa] - drawn[without]),
                "later_in": float((drawn[with_tgaa] > drawn[without]).mean()),
                "earlier_in": float((drawn[with_tgaa] < drawn[without]).mean()),
            }
    return {"tolerance": tolerance, "pairs": len(pairs), "modes": found, "moved_by_tgaa": moved}


def _latest(verdicts: Booleans, full: Booleans, k1s: Sequence[int], tolerance: float) -> int:
    """Return the latest k1 of the leading stretch that is accurate enough."""
    enough = verdicts.mean(axis=1) >= full.mean() - tolerance - 1e-12
    held = int(np.logical_and.accumulate(enough).sum())
    return k1s[held - 1] if held else 0


def _interval(values: npt.NDArray[np.int64]) -> list[int]:
    return [int(one) for one in np.percentile(values, [2.5, 97.5], method="nearest")]


def paired_difference(trials: Sequence[Trial], mode: str, other: str, k1: int) -> dict[str, Any]:
    """Return how much more often ``mode`` is acceptable than ``other`` at ``k1``, pair by pair.

    ``gained`` and ``lost`` count the pairs on which they differ; ``p_value`` is the exact sign test
    over those (McNemar).
    """
    from scipy.stats import binomtest

    verdicts = {
        name: {t.pair: t.acceptable for t in trials if t.mode == name and t.k1 == k1}
        for name in (mode, other)
    }
    both = sorted(verdicts[mode].keys() & verdicts[other].keys())
    gained = sum(verdicts[mode][pair] and not verdicts[other][pair] for pair in both)
    lost = sum(verdicts[other][pair] and not verdicts[mode][pair] for pair in both)
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return {
        "k1": k1,
        "pairs": len(both),
        "gained": gained,
        "lost": lost,
        "difference": (gained - lost) / len(both) if both else 0.0,
        "p_value": p_value,
    }
