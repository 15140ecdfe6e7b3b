"""The tiers by name, and how latents get into the memory of one."""

from pathlib import Path
from typing import Final, Literal

import torch

from chorus_runtime.store.kept import Kept
from chorus_traces.errors import EngineError, unknown

TierName = Literal["gpu", "host", "disk", "remote"]

TIERS: Final[tuple[TierName, ...]] = ("gpu", "host", "disk", "remote")

#: The tiers that outlive the process; a store has one of them at most.
LASTING: Final = ("disk", "remote")

CPU = torch.device("cpu")


def tier_named(name: str) -> TierName:
    """Return ``name`` as a tier's. Raises ``EngineError`` for any other."""
    for tier in TIERS:
        if tier == name:
            return tier
    raise EngineError(unknown("tier", name, TIERS))


def store_place(text: str) -> Path | str:
    """Return what names a store: an address (``redis://...``) as it is, else the path."""
    return text if "://" in text else Path(text)


def lasting_tier(folder: Path | str) -> TierName:
    """Return the tier whose entries lie in ``folder``: a path, or the address of a shared store."""
    return "disk" if isinstance(folder, Path) else "remote"


def placed(kept: Kept, tier: TierName, device: torch.device) -> Kept:
    """Return the entry in the memory of ``tier``; ``device`` is the engine's.

    On a GPU the copy runs on a stream of its own, so that it hides behind the next request.
    """
    home = device if tier == "gpu" else CPU
    if device.type != "cuda":
        return kept.on(home)
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        there = kept.on(home, pin=tier == "host")
    stream.synchronize()
    return there


def is_misplaced(kept: Kept, tier: TierName, device: torch.device) -> bool:
    """Tell whether the latents lie on another kind of device than their tier's memory."""
    home = device if tier == "gpu" else CPU
    return bool(kept.finished.device.type != home.type)
