"""How much each token must differ from the donor: a score, from what the run has anyway.

Two sources need no further model. The velocity difference compares what the new prompt makes of
the donor's latent with what the donor did there, as DiffEdit (arXiv 2210.11427) does with two
prompts. Attention maps say where the tokens that differ attend to, as Prompt-to-Prompt
(arXiv 2208.01626) uses them. A segmenter is a third, for those who have one.
"""

from dataclasses import dataclass
from typing import Protocol

import torch

from chorus_runtime.grid import TokenGrid, to_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a segmenter is shown.

    ``latents`` is the donor's latent at k1 and ``clean`` its estimate of the finished one, both
    ``(batch, channels, frames, height, width)``; ``sigma`` is the noise level of ``latents``.
    """

    latents: torch.Tensor
    clean: torch.Tensor
    sigma: float
    grid: TokenGrid


class Segmenter(Protocol):
    """A plug-in that scores tokens by other means than the run's own."""

    def score(self, scene: Scene) -> torch.Tensor:
        """Return a score ``(frames, rows, columns)`` over the token grid; higher must differ."""


def velocity_score(
    velocity: torch.Tensor, donor_velocity: torch.Tensor, grid: TokenGrid
) -> torch.Tensor:
    """Return the length of the velocity difference in each token's patch.

    Both velocities are ``(batch, channels, frames, height, width)``. The result is
    ``(frames, rows, columns)``, the largest over the batch.
    """
    difference = to_tokens(velocity.float() - donor_velocity.float(), grid)
    return difference.norm(dim=-1).amax(dim=0).reshape(grid.shape)


def attention_score(maps: torch.Tensor, weights: torch.Tensor, grid: TokenGrid) -> torch.Tensor:
    """Return the attention each video token pays to the weighted groups of text tokens.

    ``maps`` is ``(batch, tokens, groups)`` and ``weights`` ``(groups,)``. The result is
    ``(frames, rows, columns)``, the largest over the batch.
    """
    return (maps.float() @ weights.float()).amax(dim=0).reshape(grid.shape)
