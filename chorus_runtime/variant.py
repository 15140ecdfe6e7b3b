"""How SRD treats the tokens outside the region, and which way fits the device.

``stale_kv`` attends to their keys and values of the last full step (as DistriFusion, arXiv
2402.19481, and Region-Adaptive Sampling, arXiv 2502.10389, do): by far the most accurate, and it
keeps ``2 * layers * tokens * width`` numbers for each guidance branch. ``context`` computes a
strided sample of them and drops the result. ``isolated`` ignores them: cheapest, least accurate.
"""

from typing import Literal

import torch

from chorus_policies.costs.flops import Transformer, forward_flops
from chorus_traces.errors import EngineError

Variant = Literal["stale_kv", "context", "isolated"]


def keys_values_bytes(model: Transformer, tokens: int, sequences: int, number_bytes: int) -> int:
    """Return the bytes of one step's keys and values for ``sequences`` latents at once."""
    return 2 * model.layers * tokens * model.width * sequences * number_bytes


def choose_variant(needed_bytes: int, budget_bytes: int) -> Variant:
    """Return ``stale_kv`` where its keys and values fit the budget, else ``context``.

    Both cost about the same (attention dominates ``context``'s extra tokens), so accuracy decides
    and memory limits.
    """
    return "stale_kv" if needed_bytes <= budget_bytes else "context"


def with_context(index: torch.Tensor, tokens: int, every: int) -> torch.Tensor:
    """Return ``index`` and every ``every``-th of the other tokens, rising."""
    if every < 1:
        raise EngineError(f"context of every {every}-th token; at least 1 is needed")
    others = torch.ones(tokens, dtype=torch.bool, device=index.device)
    others[index] = False
    sample = others.nonzero()[::every, 0]
    return torch.cat([index, sample]).sort().values


def step_flops(model: Transformer, tokens: int, computed: int, variant: Variant) -> float:
    """Return the FLOPs of one forward over ``computed`` of ``tokens`` tokens."""
    attended = tokens if variant == "stale_kv" else computed
    return sum(forward_flops(model, computed, attended))
