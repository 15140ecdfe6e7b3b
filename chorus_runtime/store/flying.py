"""What a run in flight shares: its step latents, before its final latent exists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from chorus_runtime.donor import Donor
from chorus_runtime.store.kept import KeptFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Flying:
    """An entry without its finished latent; it lies in the memory of the engine's device.

    ``steps`` maps a step to the latent before it, ``(batch, channels, frames, height, width)``.
    """

    key: int
    facts: KeptFacts
    steps: Mapping[int, torch.Tensor]

    def has_step(self, step: int) -> bool:
        """Tell whether the latent before ``step`` is there."""
        return step in self.steps

    @property
    def size_bytes(self) -> int:
        """Bytes of all latents."""
        return sum(latent.nbytes for latent in self.steps.values())

    def on(self, device: torch.device) -> "Flying":
        """Return the entry with its latents on ``device``."""
        return replace(self, steps={step: one.to(device) for step, one in self.steps.items()})

    def donor(self) -> Donor:
        """Return what a request can start from: the stored steps alone."""
        sigmas = self.facts.sigmas
        return Donor(latents={sigmas[step]: latent for step, latent in self.steps.items()})
