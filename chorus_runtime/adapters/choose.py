"""Which adapter runs a model."""

from typing import Any

from diffusers import LTXVideoTransformer3DModel, WanTransformer3DModel

from chorus_runtime.adapters.adapter import Adapter
from chorus_runtime.adapters.ltx import LtxAdapter
from chorus_runtime.adapters.wan import WanAdapter
from chorus_traces.errors import EngineError

#: Families whose text and video tokens share one attention (MMDiT): they have no cross-attention
#: for TGAA to act on, and a forward over some video tokens would still need every text token.
JOINT_ATTENTION = (
    "CogVideoXTransformer3DModel",
    "FluxTransformer2DModel",
    "HunyuanVideo15Transformer3DModel",
    "HunyuanVideoTransformer3DModel",
    "MochiTransformer3DModel",
    "QwenImageTransformer2DModel",
    "SD3Transformer2DModel",
)


def adapter_for(model: Any, *, per_token_timesteps: bool = False) -> Adapter:
    """Return the adapter of a diffusers transformer.

    ``per_token_timesteps`` is Wan 2.2's ``expand_timesteps``. Raises ``EngineError`` for a family
    that is not supported, and for a model whose own diffusers cache is switched on.
    """
    name = type(model).__name__
    if isinstance(model, WanTransformer3DModel):
        adapter: Adapter = WanAdapter(model, per_token_timesteps=per_token_timesteps)
    elif isinstance(model, LTXVideoTransformer3DModel):
        adapter = LtxAdapter(model)
    elif name in JOINT_ATTENTION:
        raise EngineError(
            f"{name} is a joint-attention model (MMDiT), which is not supported; "
            "WanTransformer3DModel or LTXVideoTransformer3DModel is needed"
        )
    else:
        raise EngineError(
            f"{name} is not supported; "
            "WanTransformer3DModel or LTXVideoTransformer3DModel is needed"
        )
    if getattr(model, "is_cache_enabled", False):
        raise EngineError(
            f"{name} has a diffusers cache switched on, which would see other tokens each step; "
            "call disable_cache() and use the engine's own step skip"
        )
    return adapter
