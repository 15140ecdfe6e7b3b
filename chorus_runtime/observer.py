"""What whoever watches a generation is told: progress, timing, a way to cancel."""

from dataclasses import dataclass

import torch

from chorus_runtime.steps import StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """Told to an observer after each computed step; ``latents`` is the latent after it."""

    number: int
    kind: StepKind
    latents: torch.Tensor


def nobody(done: StepDone) -> None:
    """Watch nothing."""
    del done
