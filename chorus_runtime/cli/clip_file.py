"""The file a clip is written to."""

from pathlib import Path
from typing import Any

import torch

from chorus_runtime.shapes.clip_io import write_mp4, write_sheet
from chorus_traces.errors import EngineError

#: A clip, or a sheet of its frames.
CLIP_FORMS = (".mp4", ".png")


def write_clip(path: Path, frames: Any, *, frames_per_s: int, scale: int) -> None:
    """Write ``(frames, height, width, 3)`` in [0, 1]. Raises ``EngineError`` where it cannot."""
    clip = torch.from_numpy(frames)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        if path.suffix == ".png":
            write_sheet(part, [clip], scale=scale)
        else:
            write_mp4(part, clip, fps=frames_per_s, scale=scale)
        part.replace(path)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
