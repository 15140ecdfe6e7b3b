"""The device a command names."""

import torch

from chorus_traces.errors import EngineError


def device_named(name: str) -> str:
    """Return ``name``. Raises ``EngineError`` for a device that is not there."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise EngineError(f"device {name!r} is none; cpu, cuda or cuda:N is needed") from error
    if device.type not in ("cpu", "cuda"):
        raise EngineError(f"device {name!r} is not supported; cpu, cuda or cuda:N is needed")
    there = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= there:
        raise EngineError(f"device {name!r} is not there; torch sees {there} CUDA devices")
    return name
