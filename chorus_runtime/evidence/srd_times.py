"""What an SRD step costs beside a full one, and what TGAA adds: seconds and FLOPs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from chorus_policies.costs.profile_book import Shape
from chorus_runtime.guided import pass_flops
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.profile.steps import StepTimer
from chorus_runtime.variant import Variant

SHARES = (0.10, 0.25, 0.50, 0.75)

VARIANTS: tuple[Variant, ...] = ("stale_kv", "context", "isolated")

_AMPLIFIED: tuple[Literal["mask", "append"], ...] = ("mask", "append")


def srd_times(
    model: VideoModel,
    shape: Shape,
    repeats: int,
    *,
    shares: Sequence[float] = SHARES,
    variants: Sequence[Variant] = VARIANTS,
) -> dict[str, Any]:
    """Return the median seconds of a full step, and of an SRD step for each variant and share.

    ``time_ratio`` and ``flop_ratio`` are to a full step. The context of that variant is computed
    as well and counted. Effects: sets ``model.engine.settings``, and puts them back.
    """
    engine, before = model.engine, model.engine.settings
    sizes = engine.adapters[0].sizes()
    grid = engine.adapters[0].grid(model.latent_shape(shape))
    timer = StepTimer(model, shape, repeats)
    full = timer.full(shape.guidance)
    text = model.encode("a red circle moving left", None, guided=False).text.states.shape[1]
    whole = pass_flops(engine.adapters[0], grid.tokens, grid.tokens, text)
    rows = []
    try:
        for variant in variants:
            engine.settings = replace(before, variant=variant)
            for share in shares:
                found = timer.srd(share, shape.guidance)
                computed = round(found.active_share * grid.tokens)
                if variant == "context":
                    computed += -(-(grid.tokens - computed) // before.context_every)
                attended = grid.tokens if variant == "stale_kv" else computed
                rows.append(
                    {
                        "variant": variant,
                        "active_share": found.active_share,
                        "median_s": found.sample.median_s,
                        "cv": found.sample.cv,
                        "time_ratio": found.sample.median_s / full.median_s,
                        "flop_ratio": pass_flops(engine.adapters[0], computed, attended, text)
                        / whole,
                    }
                )
        amplified = {}
        for how in _AMPLIFIED:
            engine.settings = replace(before, amplify=how)
            amplified[how] = timer.amplified_share(shape.guidance)
    finally:
        engine.settings = before
    return {
        "tokens": grid.tokens,
        "width": sizes.width,
        "layers": sizes.layers,
        "guidance": shape.guidance,
        "repeats": repeats,
        "full_step_s": full.median_s,
        "full_step_cv": full.cv,
        "srd": rows,
        "tgaa_share": amplified,
    }
