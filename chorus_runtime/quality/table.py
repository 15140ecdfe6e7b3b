"""What a study came to: shares with intervals by mode, k1 and kind of edit, and what is saved."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from chorus_runtime.quality.trial import Trial
from chorus_runtime.shapes.evaluate import wilson

#: Every kind of edit together; ``edits`` leaves the control out.
ALL, EDITS_ALONE = "all kinds", "edits"


def rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return a row for each mode, k1 and kind of edit, and one for all kinds and for all edits.

    ``acceptable`` asks for every attribute of the new prompt, ``edited`` for the one that changed;
    both with 95 % Wilson intervals. Likeness, savings and seconds are medians; seconds are CPU
    seconds of denoising, and ``time_share`` is their ratio to full compute of the same pairs.
    Shares are left out where clips were not judged. ``measures``, means, are there if all trials
    of a row have some.
    """
    groups: dict[tuple[str, int, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        kinds = (ALL, trial.kind) if trial.kind == "wording" else (ALL, EDITS_ALONE, trial.kind)
        for kind in kinds:
            groups[trial.mode, trial.k1, kind].append(trial)
    full_s = {trial.pair: trial.denoise_s for trial in trials if trial.mode == "full"}
    return [_row(key, group, full_s) for key, group in sorted(groups.items())]


def row_of(table: Sequence[dict[str, Any]], mode: str, k1: int, kind: str) -> dict[str, Any] | None:
    """Return one row of a table, ``None`` where there is none."""
    wanted = (mode, k1, kind)
    return next((row for row in table if (row["mode"], row["k1"], row["kind"]) == wanted), None)


def _row(key: tuple[str, int, str], group: list[Trial], full_s: dict[int, float]) -> dict[str, Any]:
    mode, k1, kind = key

    def median(read: Callable[[Trial], float]) -> float:
        return float(statistics.median(read(trial) for trial in group))

    row: dict[str, Any] = {
        "mode": mode,
        "k1": k1,
        "k2": group[0].k2,
        "steps": group[0].steps,
        "kind": kind,
        "trials": len(group),
    }
    if all(trial.judged for trial in group):
        row["acceptable"] = share_of([trial.acceptable for trial in group])
        row["edited"] = share_of([bool(trial.edited) for trial in group])
    row |= {
        "psnr_db": median(lambda trial: trial.psnr_db),
        "ssim": median(lambda trial: trial.ssim),
        "active_share": median(lambda trial: trial.active_share),
        "flop_share": median(lambda trial: trial.flop_share),
        "denoise_s": median(lambda trial: trial.denoise_s),
        "time_share": median(lambda trial: trial.denoise_s / full_s[trial.pair]),
    }
    means = _means(group)
    return row | {"measures": means} if means else row


def _means(group: list[Trial]) -> dict[str, float]:
    names = [name for name in group[0].measures if all(name in one.measures for one in group)]
    return {name: round(statistics.fmean(one.measures[name] for one in group), 4) for name in names}


def share_of(verdicts: Sequence[bool]) -> dict[str, Any]:
    """Return a share of verdicts with its 95 % Wilson interval."""
    share = wilson(sum(verdicts), len(verdicts))
    return {
        "right": share.right,
        "trials": share.trials,
        "share": share.share,
        "low": share.low,
        "high": share.high,
    }
