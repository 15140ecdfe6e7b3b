"""Where a profile was measured."""

import os
import platform
import re
from importlib.metadata import version

import torch


def device_name(device: torch.device) -> str:
    """Return a short name of the device, fit for a profile's name."""
    if device.type == "cuda":
        words = torch.cuda.get_device_name(device)
    else:
        words = f"cpu {torch.get_num_threads()} threads"
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def versions(device: torch.device) -> dict[str, str]:
    """Return versions and the machine, all as text."""
    found = {name: version(name) for name in ("chorus-cache", "diffusers", "torch")}
    found |= {
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {_processor()}".strip(),
        "cpus": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
    if device.type == "cuda":
        found |= {
            "gpu": torch.cuda.get_device_name(device),
            "cuda": str(torch.version.cuda),
        }
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:  # noqa: PTH123 - no file of ours
            names = [line.partition(":")[2] for line in stream if line.startswith("model name")]
    except OSError:
        names = []
    return names[0].strip() if names else platform.processor()
