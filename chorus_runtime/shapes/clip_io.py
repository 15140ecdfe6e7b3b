"""Clips on disk: MP4 files to look at, and sheets of frames as PNG."""

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from chorus_traces.errors import EngineError

_GAP = 2


def write_mp4(path: Path, frames: torch.Tensor, *, fps: int = 8, scale: int = 8) -> None:
    """Write a clip (frames, height, width, 3) in [0, 1], each pixel as a square of ``scale``.

    H.264 halves the resolution of colours; a scale of 2 or more keeps every pixel's own.
    """
    squares = _bytes(frames).repeat(scale, 1).repeat(scale, 2)
    iio.imwrite(
        path, squares, plugin="FFMPEG", fps=fps, codec="libx264", quality=9, macro_block_size=1
    )


def read_mp4(path: Path, *, scale: int = 8) -> torch.Tensor:
    """Return a clip (frames, height, width, 3) in [0, 1] that was written with this ``scale``."""
    try:
        frames = iio.imread(path, plugin="FFMPEG").astype(np.float32) / 255
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: not a readable clip; write it with write_mp4") from error
    count, height, width, _ = frames.shape
    if height % scale or width % scale:
        raise EngineError(f"{path}: {width}x{height} is no multiple of the scale {scale}")
    squares = frames.reshape(count, height // scale, scale, width // scale, scale, 3)
    return torch.from_numpy(squares.mean((2, 4)))


def write_sheet(path: Path, clips: Sequence[torch.Tensor], *, scale: int = 3) -> None:
    """Write a picture with a row for each clip and a column for each frame."""
    rows = []
    for clip in clips:
        tiles = [
            np.pad(f, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for f in _bytes(clip)
        ]
        rows.append(np.concatenate(tiles, 1))
    sheet = np.concatenate(rows, 0).repeat(scale, 0).repeat(scale, 1)
    Image.fromarray(sheet).save(path, format="PNG")


def _bytes(frames: torch.Tensor) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.uint8] = (frames.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return scaled
