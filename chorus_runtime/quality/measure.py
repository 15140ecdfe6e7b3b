"""What an optional measure of a clip is: a name, where its weights are from, and one number."""

from typing import Protocol

import torch


class Measure(Protocol):
    """One number about a clip, beside PSNR and SSIM. ``source`` names what it is computed with."""

    name: str
    source: str

    def __call__(self, clip: torch.Tensor, full: torch.Tensor, caption: str) -> float:
        """Return the number.

        ``clip`` and ``full``, the full compute of the same request, are
        ``(frames, height, width, 3)`` in [0, 1]; ``caption`` is what the request asked for.
        """
