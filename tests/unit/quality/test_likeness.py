import math

import pytest
import torch

from chorus_runtime.quality.likeness import MOST_DB, psnr, ssim


def clip(value):
    return torch.full((2, 16, 16, 3), value)


def test_psnr_is_that_of_the_mean_square_error():
    assert psnr(clip(0.5), clip(0.6)) == pytest.approx(20, abs=1e-4)
    assert psnr(clip(0.5), clip(0.5)) == MOST_DB


def test_ssim_of_flat_clips_compares_their_means():
    a, b, c1 = 0.3, 0.6, 1e-4
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(clip(a), clip(b)) == pytest.approx(expected, abs=1e-6)


def test_ssim_falls_with_noise_and_is_one_for_equal_clips():
    torch.manual_seed(0)
    one = torch.rand(2, 16, 16, 3)
    near = (one + 0.05 * torch.randn_like(one)).clamp(0, 1)
    far = torch.rand(2, 16, 16, 3)
    assert ssim(one, one) == pytest.approx(1)
    assert 1 > ssim(one, near) > 0.8 > ssim(one, far)
    assert ssim(one, near) == pytest.approx(ssim(near, one))
    assert math.isfinite(ssim(clip(0.0), clip(0.0)))
