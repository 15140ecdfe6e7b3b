"""How well predicted regions meet the true ones: intersection over union on rendered clips.

The donor is a rendered clip, so that it is known to the pixel where its figures are. The true
region of an edit are the tokens of the figures that change, where they were and where the renderer
puts them for the new prompt in the same layout. A new background is all that no figure covers.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from chorus_policies.plan import Regional
from chorus_runtime.alignment.compare import DiffComparer
from chorus_runtime.alignment.tokens import token_emphasis
from chorus_runtime.donor import Donor
from chorus_runtime.engine import Engine
from chorus_runtime.generation import Generation
from chorus_runtime.masks.region import MaskSettings
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.quality.pairs import Pair
from chorus_runtime.shapes.model import ShapesModel
from chorus_runtime.shapes.render import render
from chorus_runtime.shapes.scene import Scene
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

#: Frames and pixels a side that one token covers.
_TOKEN_PIXELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCase:
    """One way to make a mask; ``share`` is read by the threshold of that name."""

    name: str
    settings: MaskSettings
    share: float = 0.25


CASES = (
    MaskCase(name="velocity, otsu", settings=MaskSettings()),
    MaskCase(name="velocity, otsu, no dilation", settings=MaskSettings(dilation=0)),
    MaskCase(name="velocity, share 0.25", settings=MaskSettings(threshold="share")),
    MaskCase(name="attention, otsu", settings=MaskSettings(source="attention")),
    MaskCase(
        name="attention, share 0.25", settings=MaskSettings(source="attention", threshold="share")
    ),
)


def mask_quality(
    model: VideoModel,
    shapes: ShapesModel,
    pairs: Sequence[Pair],
    shares: Sequence[float],
    cases: Sequence[MaskCase] = CASES,
) -> list[dict[str, Any]]:
    """Return IoU, precision and recall for each case, k1 (share of the steps) and kind of edit.

    A region above the cap counts as the whole latent: that is what the engine computes. Effects:
    sets ``model.engine.settings``, and puts them back.
    """
    engine, before = model.engine, model.engine.settings
    found: dict[tuple[str, float, str], list[tuple[float, float, float, float]]] = {}
    try:
        for pair in pairs:
            truth = true_region(pair)
            for case in cases:
                settings = replace(case.settings, cap=1.0)
                engine.settings = replace(before, mask=settings)
                for share in shares:
                    mask = _mask(engine, model, shapes, pair, case.share, 1 - share)
                    found.setdefault((case.name, share, pair.kind), []).append(_scores(mask, truth))
    finally:
        engine.settings = before
    return list(_rows(found))


def true_region(pair: Pair) -> torch.Tensor:
    """Return the tokens that must change, boolean ``(frames, rows, columns)``."""
    was, now = (render(scene, pair.seed).masks for scene in (pair.before, pair.scene))
    if pair.kind == "background":
        return _tokens(~(was.any(0)) | ~(now.any(0)))
    if len(was) != len(now):
        return _tokens(was.any(0) | now.any(0))
    changed = _changed(pair.before, pair.scene)
    return _tokens(was[changed].any(0) | now[changed].any(0))


def _changed(before: Scene, after: Scene) -> list[int]:
    return [
        number
        for number, (one, other) in enumerate(zip(before.figures, after.figures, strict=True))
        if one != other
    ]


def _tokens(pixels: torch.Tensor) -> torch.Tensor:
    """Return which tokens hold a marked pixel; ``pixels`` is ``(frames, height, width)``."""
    frames, height, width = pixels.shape
    deep = _TOKEN_PIXELS
    parts = pixels.reshape(frames // deep, deep, height // deep, deep, width // deep, deep)
    return parts.any(1).any(2).any(-1)


def _mask(
    engine: Engine,
    model: VideoModel,
    shapes: ShapesModel,
    pair: Pair,
    share: float,
    sigma: float,
) -> torch.Tensor:
    """Return the region found at one noise level, by the first of two steps."""
    shape = model.shape_of(Request(id="mask", arrival_s=0.0, prompt=""))
    text = model.encode(pair.new, None, guided=shape.guidance > 1)
    emphasis = token_emphasis(
        DiffComparer().compare(pair.new, pair.old), text.offsets or (), text.text.states.shape[1]
    )
    clip = render(pair.before, pair.seed).frames
    with torch.no_grad():
        finished = shapes.codec.encode(clip[None])
    made = engine.generate(
        Generation(
            latent_shape=model.latent_shape(shape),
            text_states=text.text,
            negative_states=text.negative,
            plan=Regional(
                donor=0,
                similarity=1.0,
                k1=0,
                k2=1,
                active_share=share,
                amplification=1.0,
                reason="mask",
                renoised=True,
            ),
            steps=2,
            guidance=shape.guidance,
            donor=Donor(finished=finished, seed=pair.seed),
            emphasis=emphasis,
            sigmas=(sigma, sigma - 0.02),
        )
    )
    if made.region is None:
        raise EngineError(f"pair {pair.number}: no region came about: {made.facts.notes}")
    return made.region.mask


def _scores(mask: torch.Tensor, truth: torch.Tensor) -> tuple[float, float, float, float]:
    """Return IoU, precision, recall, and the mask's share."""
    both, either = float((mask & truth).sum()), float((mask | truth).sum())
    marked, true = float(mask.sum()), float(truth.sum())
    return (
        both / either if either else 1.0,
        both / marked if marked else 0.0,
        both / true if true else 1.0,
        marked / mask.numel(),
    )


def _rows(
    found: dict[tuple[str, float, str], list[tuple[float, float, float, float]]],
) -> Iterator[dict[str, Any]]:
    for (case, share, kind), scores in sorted(found.items()):
        iou, precision, recall, marked = zip(*scores, strict=True)
        yield {
            "case": case,
            "k1_share": share,
            "kind": kind,
            "pairs": len(scores),
            "iou": statistics.fmean(iou),
            "iou_deviation": statistics.stdev(iou) if len(iou) > 1 else 0.0,
            "precision": statistics.fmean(precision),
            "recall": statistics.fmean(recall),
            "share": statistics.fmean(marked),
        }
