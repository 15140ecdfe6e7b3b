"""Growing a mask, and softening its seam from inside."""

import torch
from torch.nn import functional


def dilate(mask: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return the mask grown by ``tokens`` in rows and columns, corners included.

    ``mask`` is boolean ``(frames, rows, columns)``; frames do not touch each other.
    """
    if tokens == 0:
        return mask
    size = 2 * tokens + 1
    grown = functional.max_pool2d(mask.float()[:, None], size, stride=1, padding=tokens)
    return grown[:, 0] > 0


def feather(mask: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return weights ``(frames, rows, columns)``: 0 outside, rising inside to 1 over the seam.

    A token at the seam weighs ``1 / (tokens + 1)``, one ``tokens`` deeper weighs 1. The picture's
    own border is no seam. With 0 tokens the weights are the mask.
    """
    depth = mask.float()
    left = mask
    for _ in range(tokens):
        left = ~dilate(~left, 1)
        depth = depth + left.float()
    return depth / (tokens + 1)
