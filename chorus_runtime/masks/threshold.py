"""Where a score becomes a mask."""

import torch

_BINS = 256


def above_share(score: torch.Tensor, share: float) -> torch.Tensor:
    """Return a mask of at most ``share`` of the tokens: those that score highest.

    Equal scores are taken or left together, so a larger share always contains a smaller one, and
    a score that is the same everywhere marks nothing unless ``share`` is 1.
    """
    if share >= 1:
        return torch.ones_like(score, dtype=torch.bool)
    ranked = score.flatten().sort(descending=True).values
    limit = ranked[int(share * ranked.numel())]
    return score > limit


def otsu(score: torch.Tensor) -> float:
    """Return the threshold that splits the score into two classes of least variance within.

    Otsu, IEEE Transactions on Systems, Man and Cybernetics 9 (1979), over 256 bins of equal
    width. Of thresholds that split equally well the middle one is taken. A constant score is its
    own threshold, and nothing lies above it.
    """
    low, high = float(score.min()), float(score.max())
    if not high > low:
        return high
    flat = ((score.double().flatten() - low) / (high - low) * _BINS).long().clamp(max=_BINS - 1)
    counts = torch.bincount(flat, minlength=_BINS).double()
    levels = torch.arange(_BINS, dtype=torch.double, device=counts.device)
    below = counts.cumsum(0)
    above = below[-1] - below
    mass = (counts * levels).cumsum(0)
    mean_below = mass / below.clamp(min=1)
    mean_above = (mass[-1] - mass) / above.clamp(min=1)
    between = below * above * (mean_below - mean_above) ** 2
    best = (between >= between.max() * (1 - 1e-12)).nonzero().double().mean()
    return low + (float(best) + 1) / _BINS * (high - low)
