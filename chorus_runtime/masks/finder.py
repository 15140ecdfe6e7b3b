"""Finds one request's region at k1, from whichever source is configured."""

from dataclasses import dataclass

import torch

from chorus_runtime.donor import Donor, DonorPath
from chorus_runtime.grid import TokenGrid
from chorus_runtime.masks.region import MaskSettings, Region, find_region
from chorus_runtime.masks.score import Scene, Segmenter, attention_score, velocity_score
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFinder:
    """Scores the tokens at k1 and settles the region.

    ``share`` is the plan's. ``emphasis`` is ``(batch or 1, text tokens)``, ``None`` where nobody
    compared the prompts; attention masks need it when the donor brings no maps of its own.
    """

    settings: MaskSettings
    share: float
    grid: TokenGrid
    path: DonorPath
    donor: Donor
    emphasis: torch.Tensor | None
    segmenter: Segmenter | None

    def __post_init__(self) -> None:
        source = self.settings.source
        if source == "segmenter" and self.segmenter is None:
            raise EngineError("the mask comes from a segmenter, but the engine was given none")
        if source == "attention" and self.donor.maps is None and self.emphasis is None:
            raise EngineError(
                "the mask comes from attention maps: a donor with maps, or the emphasis of the "
                "new prompt's tokens, is needed"
            )
        maps, weights = self.donor.maps, self.donor.map_weights
        if source == "attention" and maps is not None and weights is not None:
            expected = (self.grid.tokens, *weights.shape)
            if weights.ndim != 1 or maps.ndim != 3 or tuple(maps.shape[1:]) != expected:
                raise EngineError(
                    f"the donor's attention maps have shape {tuple(maps.shape)} and weights "
                    f"{tuple(weights.shape)}; (batch, {self.grid.tokens}, groups) and (groups,) "
                    "are needed"
                )

    def groups(self) -> torch.Tensor | None:
        """Return what to map at k1, ``(text tokens, 1)``; ``None`` where nothing is needed."""
        if self.settings.source != "attention" or self.donor.maps is not None:
            return None
        return None if self.emphasis is None else self.emphasis.amax(dim=0)[:, None]

    def find(
        self,
        velocity: torch.Tensor,
        mapped: torch.Tensor | None,
        latents: torch.Tensor,
        sigmas: tuple[float, float],
    ) -> Region:
        """Return the region.

        ``velocity`` is the new prompt's at ``latents``, ``mapped`` the map ``(batch, tokens, 1)``
        that ``groups`` asked for, ``sigmas`` the noise level before and after the step.
        """
        return find_region(
            self._score(velocity, mapped, latents, sigmas), self.share, self.settings
        )

    def _score(
        self,
        velocity: torch.Tensor,
        mapped: torch.Tensor | None,
        latents: torch.Tensor,
        sigmas: tuple[float, float],
    ) -> torch.Tensor:
        sigma, following = sigmas
        maps, weights = self.donor.maps, self.donor.map_weights
        if self.settings.source == "attention":
            if maps is not None and weights is not None:
                return attention_score(
                    maps.to(latents.device), weights.to(latents.device), self.grid
                )
            if mapped is not None:
                return attention_score(mapped, mapped.new_ones(1), self.grid)
        donor_velocity = self.path.velocity(sigma, following)
        if self.settings.source == "segmenter" and self.segmenter is not None:
            clean = latents - sigma * donor_velocity
            scene = Scene(latents=latents, clean=clean, sigma=sigma, grid=self.grid)
            score = self.segmenter.score(scene)
            if tuple(score.shape) != self.grid.shape:
                raise EngineError(
                    f"the segmenter's score has shape {tuple(score.shape)}; "
                    f"{self.grid.shape} (frames, rows, columns) is needed"
                )
            return score.to(latents.device)
        return velocity_score(velocity, donor_velocity, self.grid)
