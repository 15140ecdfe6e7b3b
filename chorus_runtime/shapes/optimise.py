"""The optimiser of the shapes model: Muon on the matrices of the blocks, AdamW on the rest.

Muon: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", as torch ships
it, with the rate adjusted to match AdamW's update size (Liu et al. 2025, arXiv 2502.16982).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from chorus_runtime.shapes.config import TrainConfig

_CLIP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """Both optimisers and the averaged weights (EMA) of one run."""

    parameters: dict[str, torch.nn.Parameter]
    muon: torch.optim.Optimizer
    adam: torch.optim.Optimizer
    average: dict[str, torch.Tensor]

    def step(self, rate: float, decay: float) -> torch.Tensor:
        """Apply the gradients at ``rate`` times the full rates; return the gradient's norm.

        The averaged weights move towards the new ones by 1 - ``decay``.
        """
        parameters = list(self.parameters.values())
        norm: torch.Tensor = torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
        for optimiser in (self.muon, self.adam):
            for group in optimiser.param_groups:
                group["lr"] = rate * group["full_lr"]
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), parameters, 1 - decay)
        return norm

    def state(self) -> dict[str, Any]:
        """Return everything a later process needs to go on exactly."""
        return {
            "parameters": {name: value.detach() for name, value in self.parameters.items()},
            "average": self.average,
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state made by ``state``."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state["parameters"][name])
                self.average[name].copy_(state["average"][name])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def make_optimiser(config: TrainConfig, parameters: dict[str, torch.nn.Parameter]) -> Optimiser:
    """Return the optimisers over named parameters, all of which get gradients."""
    matrices = [p for name, p in parameters.items() if _is_block_matrix(name, p)]
    rest = [p for name, p in parameters.items() if not _is_block_matrix(name, p)]
    muon = torch.optim.Muon(
        matrices, lr=config.muon_lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    adam = torch.optim.AdamW(rest, lr=config.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    for optimiser in (muon, adam):
        for group in optimiser.param_groups:
            group["full_lr"] = group["lr"]
    return Optimiser(
        parameters=parameters,
        muon=muon,
        adam=adam,
        average={name: value.detach().clone() for name, value in parameters.items()},
    )


def rate_at(config: TrainConfig, progress: float) -> float:
    """Return the share of the full rate at ``progress`` in [0, 1]: up, level, down to zero."""
    if progress < config.warm_share:
        return (progress + 1e-3) / (config.warm_share + 1e-3)
    return min(1.0, max(0.0, 1 - progress) / config.decay_share)


def decay_at(config: TrainConfig, step: int) -> float:
    """Return the EMA decay after ``step`` steps: short at first, so that the start is forgotten."""
    return min(config.ema, (1 + step) / (10 + step))


def _is_block_matrix(name: str, parameter: torch.nn.Parameter) -> bool:
    return parameter.ndim == 2 and (".blocks." in name or ".layers." in name)
