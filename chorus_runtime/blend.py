"""Put the region's latent into the donor's."""

import torch

from chorus_runtime.grid import TokenGrid, over_latent
from chorus_runtime.masks.region import Region


def blend(own: torch.Tensor, donor: torch.Tensor, region: Region, grid: TokenGrid) -> torch.Tensor:
    """Return ``own`` inside the region and ``donor`` outside it, bit for bit.

    Latents are ``(batch, channels, frames, height, width)``. At a soft seam the two are mixed by
    the region's weights.
    """
    inside = over_latent(region.mask, grid)
    if region.is_soft:
        own = torch.lerp(donor, own, over_latent(region.weights, grid).to(own.dtype))
    return torch.where(inside, own, donor)
