"""What whoever watches a generation is told: progress, timing, a way to cancel."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from chorus_runtime.steps import StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """Told to an observer after each computed step; ``latents`` is the latent after it.

    ``kept`` are the latents recorded so far, by the step they stand before. ``share`` is how much
    of the latent's tokens the step computed, 0 where it needed none.
    """

    number: int
    kind: StepKind
    share: float
    latents: torch.Tensor
    kept: Mapping[int, torch.Tensor]


def nobody(done: StepDone) -> None:
    """Watch nothing."""
    del done
