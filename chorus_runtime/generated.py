"""What a generation returns: the latent, the steps kept of its path, and the facts."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from chorus_runtime.donor import Donor, donor_of_steps
from chorus_runtime.facts import Facts
from chorus_runtime.masks.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The latents kept, each before its step (the number of steps: finished), and all sigmas."""

    latents: Mapping[int, torch.Tensor]
    sigmas: tuple[float, ...]

    def donor(self) -> Donor:
        """Return the donor these latents make."""
        return donor_of_steps(self.latents, self.sigmas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The finished latent ``(batch, channels, frames, height, width)`` in float32, and the rest.

    ``region`` is ``None`` where SRD did not happen; ``maps``, ``(batch, tokens, groups)``, is
    ``None`` unless maps were asked for.
    """

    latents: torch.Tensor
    trajectory: Trajectory
    region: Region | None
    maps: torch.Tensor | None
    facts: Facts
