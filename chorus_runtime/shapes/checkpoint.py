"""Training checkpoints: written beside the target, then renamed, so a kill leaves the old one."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from chorus_traces.errors import EngineError

FORMAT = 1


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state; until it is complete on disk the previous file stays in place."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save({"format": FORMAT, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint, its tensors on the CPU.

    Raises ``EngineError``: the file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise EngineError(f"{path}: no checkpoint there; train one first")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, LookupError, ValueError) as error:
        raise EngineError(
            f"{path}: not a readable checkpoint; delete it and train again"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise EngineError(f"{path}: not a checkpoint of format {FORMAT}; delete it and train again")
    return state
