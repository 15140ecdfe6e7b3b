"""Gathers the items one by one; each writes its own file when it is done, and is then skipped."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_runtime.clock import Clock, today
from chorus_runtime.evidence.items import Item, Setup, items
from chorus_runtime.evidence.sizes import Sizes
from chorus_runtime.profile.environment import device_name, versions
from chorus_runtime.profile.pieces import Paused
from chorus_traces.errors import EngineError, unknown

SCHEMA = "chorus.evidence/1"


def gather(
    device: torch.device,
    folder: Path,
    sizes: Sizes,
    *,
    only: Collection[str] = (),
    chunk_s: float | None = None,
    tell: Callable[[str], None] = print,
) -> list[str]:
    """Gather what is missing and return the names of what is still to do.

    After ``chunk_s`` seconds nothing new is begun, and items that can be interrupted are. Items
    that need CUDA are skipped on other devices, with that reason, and are not missing. An item
    that fails is named with its error and stays to do. Raises ``EngineError`` for unknown names.
    """
    found = items()
    for name in only:
        if name not in {item.name for item in found}:
            raise EngineError(unknown("item", name, [item.name for item in found]))
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()

    def late() -> bool:
        return chunk_s is not None and clock.now() > chunk_s

    setup = Setup(device=device, folder=folder, sizes=sizes, stop=late)
    left = []
    for item in found:
        if only and item.name not in only:
            continue
        path = folder / f"{item.name}.json"
        if path.is_file():
            tell(f"{item.name}: done before")
        elif item.needs_cuda and device.type != "cuda":
            tell(f"{item.name}: skipped, it needs CUDA and this is {device}")
        elif late() or not _take(item, setup, path, clock, tell):
            left.append(item.name)
    return left


def _take(item: Item, setup: Setup, path: Path, clock: Clock, tell: Callable[[str], None]) -> bool:
    begun = clock.now()
    try:
        values = item.take(setup)
    except Paused:
        tell(f"{item.name}: paused after {clock.now() - begun:.0f} s; the same command goes on")
        return False
    except (EngineError, torch.OutOfMemoryError) as error:
        tell(f"{item.name}: failed: {error}")
        return False
    _write(path, item.name, values, setup, clock.now() - begun)
    tell(f"{item.name}: done in {clock.now() - begun:.0f} s")
    return True


def _write(path: Path, name: str, values: dict[str, Any], setup: Setup, took_s: float) -> None:
    plain = {
        "schema": SCHEMA,
        "item": name,
        "source": "measured",
        "date": today(),
        "device": device_name(setup.device),
        "versions": versions(setup.device),
        "seconds": "CPU seconds of one process" if setup.device.type == "cpu" else "wall seconds",
        "took_s": round(took_s, 1),
        "values": values,
    }
    part = path.with_name(path.name + ".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n")
    part.replace(path)
