"""What a served request gets back."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from chorus_runtime.asked import Asked
from chorus_runtime.provenance import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished request.

    ``latents`` is ``(1, channels, frames, height, width)`` in float32. ``frames`` is what the
    model's decoder returned for the wanted ``output_type``, with the batch first, and ``None`` for
    ``latent``.
    """

    frames: Any
    latents: torch.Tensor
    provenance: Provenance


def timed(
    result: Result, asked: Asked, *, stored: str | None = None, store_bytes: int = 0
) -> Result:
    """Return a delivered result with the stages that followed, and where it was stored."""
    made = replace(result.provenance, seconds=dict(asked.watch.seconds), store_bytes=store_bytes)
    return replace(result, provenance=made if stored is None else replace(made, stored=stored))
