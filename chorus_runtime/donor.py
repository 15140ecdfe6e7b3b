"""The donor's latents, found by noise level.

A donor holds latents of its own steps, each under the sigma it had before that step (0: finished).
A request with another number of steps is served where a sigma of its schedule matches one of the
donor's. The compact form is the finished latent and the seed of its noise: the latent at sigma is
``(1 - sigma) * finished + sigma * noise``, the straight path of rectified flow (arXiv 2209.03003).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from chorus_runtime.noise import Seeds, seeded_noise
from chorus_traces.errors import EngineError

#: Two noise levels closer than this are the same. Timesteps are whole thousandths.
SIGMA_TOLERANCE = 1e-4

DonorForm = Literal["none", "stored", "renoised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Donor:
    """Latents of an earlier request, each ``(batch, channels, frames, height, width)``.

    ``latents`` maps sigma to the latent before the step of that sigma. ``finished`` and ``seed``
    are the compact form; both are ``None`` where it was not kept. ``maps`` are the attention maps
    ``(batch, tokens, groups)`` captured while it was made, if any, and ``map_weights``
    ``(groups,)`` how much each group matters to the request at hand.
    """

    latents: Mapping[float, torch.Tensor] = field(default_factory=dict)
    finished: torch.Tensor | None = None
    seed: Seeds | None = None
    maps: torch.Tensor | None = None
    map_weights: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if (self.finished is None) != (self.seed is None):
            raise EngineError("a compact donor needs both its finished latent and its seed")
        if (self.maps is None) != (self.map_weights is None):
            raise EngineError("a donor's attention maps need a weight for each group of tokens")


def donor_of_steps(steps: Mapping[int, torch.Tensor], sigmas: Sequence[float]) -> Donor:
    """Return the donor of latents kept by step number, under the schedule ``sigmas``."""
    return Donor(latents={sigmas[step]: latent for step, latent in steps.items()})


class DonorPath:
    """The donor's latents at the sigmas one request needs, checked once, on its device.

    ``needed`` are the sigmas that will be asked for. Stored latents serve when all of them are
    there; else the compact form, where ``renoise`` allows it. Raises ``EngineError``, naming what
    is missing, when neither does, and for latents of another shape, not finite, or not floating.
    """

    def __init__(
        self,
        donor: Donor,
        needed: Iterable[float],
        shape: Sequence[int],
        device: torch.device,
        *,
        renoise: bool,
    ) -> None:
        self._device = device
        self._shape = tuple(shape)
        self._found: dict[float, torch.Tensor] = {}
        self._noise: torch.Tensor | None = None
        self._finished: torch.Tensor | None = None
        wanted = list(needed)
        matches = {sigma: _match(donor, sigma) for sigma in wanted}
        missing = [sigma for sigma, match in matches.items() if match is None]
        if not missing:
            self.form: DonorForm = "stored"
            self._found = {
                sigma: self._checked(match, f"latent at sigma {sigma:.4f}")
                for sigma, match in matches.items()
                if match is not None
            }
        elif donor.finished is not None and donor.seed is not None and renoise:
            self.form = "renoised"
            self._finished = self._checked(donor.finished, "finished latent")
            self._noise = seeded_noise(self._shape, donor.seed, device)
        else:
            raise EngineError(_refusal(donor, missing, renoise=renoise))

    def at(self, sigma: float) -> torch.Tensor:
        """Return the latent at a sigma named before, in float32."""
        if self._finished is not None and self._noise is not None:
            return (1 - sigma) * self._finished + sigma * self._noise
        return self._found[sigma]

    def velocity(self, sigma: float, following: float) -> torch.Tensor:
        """Return the donor's velocity between two neighbouring sigmas of its path."""
        return (self.at(following) - self.at(sigma)) / (following - sigma)

    def _checked(self, latent: torch.Tensor, what: str) -> torch.Tensor:
        if tuple(latent.shape) != self._shape:
            raise EngineError(
                f"the donor's {what} has shape {tuple(latent.shape)}, the request "
                f"{self._shape}; a donor of the same size is needed"
            )
        if not latent.is_floating_point() or not bool(torch.isfinite(latent).all()):
            raise EngineError(f"the donor's {what} is damaged: not all finite numbers; drop it")
        return latent.to(device=self._device, dtype=torch.float32)


def _match(donor: Donor, sigma: float) -> torch.Tensor | None:
    """Return the stored latent nearest to ``sigma`` within the tolerance."""
    nearest = min(donor.latents, key=lambda kept: abs(kept - sigma), default=None)
    if nearest is None or abs(nearest - sigma) > SIGMA_TOLERANCE:
        return None
    return donor.latents[nearest]


def _refusal(donor: Donor, missing: Sequence[float], *, renoise: bool) -> str:
    lacking = ", ".join(f"{sigma:.4f}" for sigma in missing[:4])
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    kept = ", ".join(f"{sigma:.4f}" for sigma in sorted(donor.latents, reverse=True)[:8])
    compact = (
        "; its finished latent may not stand in for a path" if donor.finished is not None else ""
    )
    return (
        f"the donor has no latent at sigma {lacking}{more}; it has {kept or 'none'}"
        f"{'' if renoise else compact} (another step count matches only where sigmas agree)"
    )
