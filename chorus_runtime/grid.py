"""The grid of tokens a video transformer sees, and the way from latents to tokens and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrid:
    """Tokens of one latent: how many there are along each axis, and how large each one is.

    Token ``n`` lies at frame ``n // (rows * columns)``, then row, then column. ``patch`` is
    (frames, rows, columns) of the latent that one token covers.
    """

    frames: int
    rows: int
    columns: int
    patch: tuple[int, int, int]

    @property
    def tokens(self) -> int:
        """Number of tokens of one latent."""
        return self.frames * self.rows * self.columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frames, rows, columns)`` in tokens."""
        return (self.frames, self.rows, self.columns)


def token_grid(latent_shape: Sequence[int], patch: tuple[int, int, int]) -> TokenGrid:
    """Return the grid of a latent ``(batch, channels, frames, height, width)``.

    Raises ``EngineError`` when the latent is not five-dimensional or not whole patches.
    """
    if len(latent_shape) != 5:
        raise EngineError(
            f"latent shape {tuple(latent_shape)}: 5 dimensions are needed, "
            "(batch, channels, frames, height, width)"
        )
    sizes = tuple(latent_shape[2:])
    if any(size < 1 or size % step for size, step in zip(sizes, patch, strict=True)):
        raise EngineError(
            f"latent of {sizes} (frames, height, width): multiples of the patch {patch} are needed"
        )
    frames, rows, columns = (size // step for size, step in zip(sizes, patch, strict=True))
    return TokenGrid(frames=frames, rows=rows, columns=columns, patch=patch)


def to_tokens(latents: torch.Tensor, grid: TokenGrid) -> torch.Tensor:
    """Return the patches of ``(batch, channels, frames, height, width)``.

    The result is ``(batch, tokens, channels * patch values)``, channel first, then the patch's
    frame, row and column: the order of a flattened 3-D convolution kernel.
    """
    batch, channels = latents.shape[:2]
    deep, high, wide = grid.patch
    parts = latents.reshape(batch, channels, grid.frames, deep, grid.rows, high, grid.columns, wide)
    return parts.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3)


def from_tokens(tokens: torch.Tensor, grid: TokenGrid, *, channels_last: bool) -> torch.Tensor:
    """Return the latent ``(batch, channels, frames, height, width)`` of its patches.

    ``tokens`` is ``(batch, tokens, values)``; ``channels_last`` says that a patch's values are
    ordered (frame, row, column, channel), else (channel, frame, row, column).
    """
    batch = tokens.shape[0]
    deep, high, wide = grid.patch
    if channels_last:
        parts = tokens.reshape(batch, *grid.shape, deep, high, wide, -1)
        parts = parts.permute(0, 7, 1, 4, 2, 5, 3, 6)
    else:
        parts = tokens.reshape(batch, *grid.shape, -1, deep, high, wide)
        parts = parts.permute(0, 4, 1, 5, 2, 6, 3, 7)
    return parts.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def over_latent(token_map: torch.Tensor, grid: TokenGrid) -> torch.Tensor:
    """Return a map over tokens ``(frames, rows, columns)`` repeated over each token's patch.

    The result is ``(1, 1, frames, height, width)`` in latent cells.
    """
    deep, high, wide = grid.patch
    cells = token_map.repeat_interleave(deep, 0).repeat_interleave(high, 1)
    return cells.repeat_interleave(wide, 2)[None, None]
