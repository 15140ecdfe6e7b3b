"""How alike two clips are, pixel by pixel: PSNR and SSIM."""

import math

import torch
from torch.nn import functional

#: Side of SSIM's window in pixels; clips of the shapes world have 32.
_WINDOW = 7

#: Constants of SSIM for values in [0, 1].
_C1, _C2 = 0.01**2, 0.03**2

#: PSNR of clips that agree in every bit of eight, as a bound for equal ones.
MOST_DB = 60.0


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of two clips with values in [0, 1].

    Equal clips have ``MOST_DB``, and none has more.
    """
    error = float((one - other).square().mean())
    return MOST_DB if error == 0 else min(MOST_DB, -10 * math.log10(error))


def ssim(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the structural similarity of two clips ``(frames, height, width, 3)`` in [0, 1].

    Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13 (2004), over uniform
    windows of 7 x 7 and sample variances, as scikit-image's default; the mean over windows, frames
    and channels.
    """
    first, second = (clip.permute(0, 3, 1, 2).double() for clip in (one, other))
    mean_1, mean_2 = _mean(first), _mean(second)
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    variance_1 = sample * (_mean(first * first) - mean_1 * mean_1)
    variance_2 = sample * (_mean(second * second) - mean_2 * mean_2)
    covariance = sample * (_mean(first * second) - mean_1 * mean_2)
    above = (2 * mean_1 * mean_2 + _C1) * (2 * covariance + _C2)
    below = (mean_1**2 + mean_2**2 + _C1) * (variance_1 + variance_2 + _C2)
    return float((above / below).mean())


def _mean(values: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(values, _WINDOW, stride=1)
