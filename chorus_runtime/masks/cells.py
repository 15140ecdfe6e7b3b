"""Square cells of tokens, and one region for all frames: coarser masks have smoother edges."""

import torch
from torch.nn import functional


def pool_cells(score: torch.Tensor, cell: int) -> torch.Tensor:
    """Return the mean of each ``cell x cell`` square of tokens, at every token of it.

    ``score`` and the result are ``(frames, rows, columns)``. Squares at the lower and right edge
    may be cut; their mean is over the tokens they have.
    """
    if cell == 1:
        return score
    rows, columns = score.shape[1:]
    pooled = functional.avg_pool2d(score[:, None], cell, ceil_mode=True, count_include_pad=False)[
        :, 0
    ]
    spread = pooled.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    return spread[:, :rows, :columns]


def over_time(score: torch.Tensor) -> torch.Tensor:
    """Return the largest score over all frames, at every frame: ``(frames, rows, columns)``."""
    return score.amax(dim=0, keepdim=True).expand_as(score)
