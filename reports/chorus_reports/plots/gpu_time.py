"""GPU time: which stage of which kind of request holds the GPUs."""

import numpy as np

from chorus_policies.plan import PLAN_KINDS
from chorus_reports.finished_run import FinishedRun, FloatArray
from chorus_reports.plot import Bars, Panel, Plot
from chorus_reports.quantities import count, seconds, share

_GROUPS = {
    "denoising": ("denoise_s",),
    "VAE decode": ("vae_decode_s",),
    "encoding": ("text_encode_s", "video_encode_s"),
    "cache": ("embed_s", "lookup_s", "load_s", "store_s"),
}
_COLOURS = ("#0072b2", "#e69f00", "#56b4e9", "#d55e00")


def gpu_time(run: FinishedRun) -> Plot:
    """Draw GPU-hours by kind, stacked by stage."""
    by_stage = stage_seconds(run)
    total = float(sum(part.sum() for part in by_stage.values()))
    scale, unit = (3600.0, "GPU-hours") if total >= 3600 else (1.0, "GPU-seconds")
    kinds = run.counted_kind()
    labels = tuple(
        f"{kind}\n{count((kinds == number).sum())}" for number, kind in enumerate(PLAN_KINDS)
    )
    longest = float(np.sum(list(by_stage.values()), axis=0).max()) / scale
    series = tuple(
        Bars(name=group, labels=labels, values=part / scale, colour=colour)
        for (group, part), colour in zip(by_stage.items(), _COLOURS, strict=True)
    )
    return Plot(
        name="gpu-time",
        title="Where GPU time goes",
        caption=_caption(run, by_stage, total),
        panels=(Panel(series=series, y_label="kind, requests"),),
        x_label=unit,
        x_range=(0.0, longest * 1.05 or 1.0),
    )


def stage_seconds(run: FinishedRun) -> dict[str, FloatArray]:
    """Return GPU-seconds by group of stages, shape ``(kinds,)``, after the warm-up.

    What no worker did (a copy answered on arrival) holds no GPU and is left out.
    """
    worked = run.counted("worker") >= 0
    kinds = run.counted_kind()[worked]
    return {
        group: np.bincount(
            kinds,
            weights=np.sum([run.counted(stage)[worked] for stage in stages], axis=0),
            minlength=len(PLAN_KINDS),
        ).astype(float)
        for group, stages in _GROUPS.items()
    }


def _caption(run: FinishedRun, by_stage: dict[str, FloatArray], total: float) -> str:
    if total == 0:
        return "No GPU time is used: every request is an exact copy, answered on arrival."
    kinds, held = run.counted_kind(), run.counted("held_s")
    means = [
        f"{kind} {seconds(float(held[kinds == number].mean()))}"
        for number, kind in enumerate(PLAN_KINDS)
        if (kinds == number).any()
    ]
    cache = float(by_stage["cache"].sum()) / total
    return (
        f"Mean GPU time of a request: {', '.join(means)}. Denoising is "
        f"{share(float(by_stage['denoising'].sum()) / total)} of all GPU time; the cache itself "
        f"(embedding, lookup, load and store) is {share(cache)}."
    )
