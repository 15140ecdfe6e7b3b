"""A sheet of frames: one pair of prompts, the donor, full compute, and every mode."""

from pathlib import Path

import torch

from chorus_policies.costs.profile_book import Shape
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.quality.modes import end_of_srd, factor_of, plan_of
from chorus_runtime.quality.pairs import Pair
from chorus_runtime.quality.runner import PairRunner
from chorus_runtime.quality.study import Study
from chorus_runtime.shapes.compare import compare
from chorus_runtime.shapes.read_video import read_video

#: Frames shown of each clip.
_SHOWN = (0, 2, 5, 7)


def pair_sheet(
    study: Study, model: VideoModel, shape: Shape, pair: Pair, k1: int, path: Path
) -> None:
    """Write the sheet of one pair at one k1; a tick says that every attribute is right."""
    model.engine.settings = study.settings(model.engine.settings)
    runner = PairRunner(model, shape, pair)
    rows = [("donor", runner.donor_run.clip, ""), ("full", runner.full_run.clip, "full")]
    for mode in study.modes:
        k2 = end_of_srd(k1, study.steps, study.srd_share) if mode.startswith("srd") else k1
        factor = factor_of(study.amplification, k1, study.steps) if "tgaa" in mode else 1.0
        plan = plan_of(mode, k1, k2, study.active_share, factor)
        rows.append((mode, runner.reuse(plan, factor).clip, mode))
    marked = [
        (name if not judged else f"{name}: {_verdict(pair, clip)}", clip)
        for name, clip, judged in rows
    ]
    _draw(f"{pair.kind}, k1 {k1} of {study.steps}\nold: {pair.old}\nnew: {pair.new}", marked, path)


def _verdict(pair: Pair, clip: torch.Tensor) -> str:
    right = compare(pair.scene, read_video(clip))
    wrong = [name for name, verdict in right.items() if not verdict and name != "all"]
    return "right" if not wrong else f"wrong {', '.join(wrong)}"


def _draw(title: str, rows: list[tuple[str, torch.Tensor]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 1.25 * len(rows) + 0.8), layout="constrained")
    figure.suptitle(title, fontsize=8)
    panels = figure.subplots(len(rows), len(_SHOWN))
    for line, (name, clip) in zip(panels, rows, strict=True):
        for panel, frame in zip(line, _SHOWN, strict=True):
            panel.imshow(clip[frame].numpy(), interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
        line[0].set_ylabel(
            name.replace(": ", ":\n"), fontsize=7, rotation=0, ha="right", va="center"
        )
    figure.savefig(path, dpi=100)
