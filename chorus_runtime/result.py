"""What a served request gets back."""

from dataclasses import dataclass
from typing import Any

import torch

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
