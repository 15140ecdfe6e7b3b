"""Clips on disk: MP4 files to look at, and sheets of frames as PNG."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from chorus_traces.errors import EngineError

_GAP = 2
#: Constant rate factor: next to no loss.
_CRF = "5"


def write_mp4(path: Path, frames: torch.Tensor, *, fps: int = 8, scale: int = 8) -> None:
    """Write a clip (frames, height, width, 3) in [0, 1], each pixel as a square of ``scale``.

    H.264 in this process, on as many threads as torch has. It halves the resolution of colours; a
    scale of 2 or more keeps every pixel's own. Raises ``EngineError`` for what cannot be encoded
    (an odd size), and ``OSError`` for a file that cannot be written.
    """
    pixels = np.ascontiguousarray(_bytes(frames).repeat(scale, 1).repeat(scale, 2))
    content = BytesIO()
    try:
        with av.open(content, "w", format="mp4") as file:
            stream = file.add_stream("libx264", rate=fps, options={"crf": _CRF})
            stream.height, stream.width = pixels.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.thread_count = torch.get_num_threads()
            for picture in pixels:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode())
    except av.FFmpegError as error:
        size = f"{pixels.shape[2]}x{pixels.shape[1]}"
        raise EngineError(f"a clip of {size} pixels cannot be encoded: {error}") from error
    path.write_bytes(content.getbuffer())


def read_mp4(path: Path, *, scale: int = 8) -> torch.Tensor:
    """Return a clip (frames, height, width, 3) in [0, 1] that was written with this ``scale``."""
    try:
        with av.open(str(path)) as file:
            pictures = [one.to_ndarray(format="rgb24") for one in file.decode(video=0)]
    except (av.FFmpegError, IndexError) as error:
        raise EngineError(f"{path}: not a readable clip; write it with write_mp4") from error
    pixels = np.stack(pictures).astype(np.float32) / 255
    count, height, width, _ = pixels.shape
    if height % scale or width % scale:
        raise EngineError(f"{path}: {width}x{height} is no multiple of the scale {scale}")
    squares = pixels.reshape(count, height // scale, scale, width // scale, scale, 3)
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
