"""How frames become the video a client gets."""

import math
from pathlib import Path
from typing import Any, Protocol

import torch

from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.shapes.clip_io import write_mp4
from chorus_traces.errors import ChorusError
from chorus_traces.request import Request


class ClipWriter(Protocol):
    """Writes the frames a model decodes (``np``, without the batch) as an mp4 file."""

    frames_per_s: int

    def write(self, path: Path, frames: Any) -> None:
        """Write a clip. Raises ``OSError``, and ``EngineError`` where the encoder fails."""


class Mp4Writer:
    """H.264 at the model's frame rate, a pixel a pixel."""

    def __init__(self, frames_per_s: int) -> None:
        self.frames_per_s = frames_per_s

    def write(self, path: Path, frames: Any) -> None:
        """Write ``(frames, height, width, 3)`` in [0, 1]."""
        write_mp4(path, torch.from_numpy(frames), fps=self.frames_per_s, scale=1)


def frames_of(model: VideoModel, frames_per_s: int, seconds: float) -> int:
    """Return the frames of ``seconds``, or of the next lengths the model makes, at most 8 more.

    The number is checked with the request; one that no model makes is returned as it is.
    """
    exact = max(1, math.floor(seconds * frames_per_s + 0.5))
    for frames in range(exact, exact + 9):
        try:
            model.shape_of(Request(id="frames", arrival_s=0.0, prompt="", frames=frames))
        except ChorusError:
            continue
        return frames
    return exact
