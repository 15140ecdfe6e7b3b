"""Digests of a model: what tells the latents of two deployments apart.

A digest covers the configuration, every parameter's name and shape, and a few of its values. All
values of a large model would take a minute to read; weights that differ only between the samples
of every parameter are not told apart.
"""

import hashlib
import json
from typing import Any

import torch

from chorus_traces.errors import EngineError

_SAMPLES = 8


def weights_digest(*modules: Any) -> str:
    """Return sixteen hex digits over the modules; ``None`` among them counts as absent.

    Raises ``EngineError`` for weights that are not loaded: reuse could not be kept apart.
    """
    total = hashlib.blake2b(digest_size=8)
    for module in modules:
        if module is None:
            total.update(b"absent;")
            continue
        total.update(config_digest(module).encode())
        sampled = []
        for name, parameter in module.named_parameters():
            if parameter.is_meta:
                raise EngineError(f"parameter {name} is not loaded; load the weights first")
            total.update(f"{name} {tuple(parameter.shape)} {parameter.dtype};".encode())
            values = parameter.detach().flatten()
            sampled.append(values[:: max(1, values.numel() // _SAMPLES)][:_SAMPLES].float().cpu())
        if sampled:
            total.update(torch.cat(sampled).numpy().tobytes())
    return total.hexdigest()


def config_digest(part: Any) -> str:
    """Return sixteen hex digits over a diffusers or transformers configuration."""
    config = getattr(part, "config", {})
    table = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    # Names that begin with "_" say where a configuration came from, not what it is.
    stated = {name: value for name, value in table.items() if not name.startswith("_")}
    text = json.dumps(stated, sort_keys=True, default=str)
    return hashlib.blake2b(f"{type(part).__name__} {text}".encode(), digest_size=8).hexdigest()


def lora_state(*modules: Any) -> str:
    """Return what tells LoRA adapters apart: their names, which act, and how strongly."""
    parts: list[str] = []
    for module in modules:
        if module is None or not getattr(module, "peft_config", None):
            continue
        for name, layer in module.named_modules():
            scaling = getattr(layer, "scaling", None)
            if isinstance(scaling, dict):
                acts = getattr(layer, "active_adapters", [])
                off = getattr(layer, "disable_adapters", False)
                parts.append(f"{name} {sorted(scaling.items())} {list(acts)} {off}")
    if not parts:
        return "none"
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
