"""What a profile is asked for, as a request."""

import re

from chorus_policies.costs.modelled import RESOLUTIONS
from chorus_traces.errors import EngineError, unknown
from chorus_traces.request import Request

_SIZES = re.compile(r"(\d{1,5})x(\d{1,5})x(\d{1,5})")

#: Distilled models of so few steps run without guidance.
_FEW_STEPS = 8


def profile_request(
    resolution: str | None, steps: int | None, guidance: float | None, model: str
) -> Request:
    """Return the request whose stages are measured. Raises ``EngineError`` for odd sizes."""
    height = width = frames = None
    if resolution is not None:
        height, width, frames = _sizes(resolution)
    if guidance is None and steps is not None and steps <= _FEW_STEPS and model != "shapes":
        guidance = 1.0
    return Request(
        id="profile",
        arrival_s=0.0,
        prompt="a red circle moving left",
        height=height,
        width=width,
        frames=frames,
        steps=steps,
        guidance=guidance,
    )


def _sizes(resolution: str) -> tuple[int, int, int]:
    if resolution in RESOLUTIONS:
        return RESOLUTIONS[resolution]
    found = _SIZES.fullmatch(resolution)
    if found is None:
        raise EngineError(f"{unknown('resolution', resolution, RESOLUTIONS)}; or WxHxFRAMES")
    width, height, frames = (int(size) for size in found.groups())
    if not width or not height or not frames:
        raise EngineError(f"resolution is {resolution}; every size must be above 0")
    return height, width, frames
