"""The noise of a seed: the same on every device, so that a donor's can be made again."""

from collections.abc import Sequence

import torch

from chorus_traces.errors import EngineError

#: One seed for all latents of a batch, or one for each.
Seeds = int | tuple[int, ...]


def seeded_noise(shape: Sequence[int], seed: Seeds, device: torch.device) -> torch.Tensor:
    """Return standard normal noise ``(batch, channels, frames, height, width)`` in float32.

    It is drawn on the CPU, as diffusers does with a CPU generator. A batch with one seed is drawn
    at once; with one seed for each, latent by latent. Raises ``EngineError`` when their number
    does not fit the batch.
    """
    if isinstance(seed, int):
        return _draw(shape, seed).to(device)
    if len(seed) != shape[0]:
        raise EngineError(f"{len(seed)} seeds for a batch of {shape[0]}; one for each is needed")
    return torch.cat([_draw((1, *shape[1:]), one) for one in seed]).to(device)


def _draw(shape: Sequence[int], seed: int) -> torch.Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))
