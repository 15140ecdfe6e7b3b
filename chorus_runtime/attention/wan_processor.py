"""The attention processor of Wan's blocks that obeys a directive."""

from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanAttnProcessor

from chorus_runtime.attention.attend import attend_cross, attend_self, is_touched
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.attention.stock import stock_processor


def stock_wan_processor(attention: Any) -> Any:
    """Return the module's processor. Raises ``EngineError`` unless it is the stock one."""
    return stock_processor(attention, WanAttnProcessor, "a Wan")


class WanProcessor:
    """Runs the stock processor, except where the shared directive asks for more."""

    def __init__(self, stock: Any, state: AttentionState, layer: int, *, crosses: bool) -> None:
        self._stock = stock
        self._state = state
        self._layer = layer
        self._crosses = crosses

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Attend over ``hidden_states`` ``(batch, computed tokens, width)``."""
        if not is_touched(self._state.directive, self._layer, crosses=self._crosses):
            return self._stock(
                attn, hidden_states, encoder_hidden_states, attention_mask, rotary_emb
            )
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = _projections(attn, hidden_states, source)
        query, key = attn.norm_q(query), attn.norm_k(key)
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        if rotary_emb is not None:
            query, key = _rotated(query, *rotary_emb), _rotated(key, *rotary_emb)
        backend = self._stock._attention_backend  # noqa: SLF001 - diffusers keeps it there
        if self._crosses:
            out = attend_cross(self._state, self._layer, query, key, value, attention_mask, backend)
        else:
            out = attend_self(self._state, self._layer, query, key, value, backend)
        out = attn.to_out[0](out.flatten(2, 3).type_as(query))
        return attn.to_out[1](out)


def _projections(
    attn: Any, hidden: torch.Tensor, source: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if not attn.fused_projections:
        return attn.to_q(hidden), attn.to_k(source), attn.to_v(source)
    if attn.is_cross_attention:
        key, value = attn.to_kv(source).chunk(2, dim=-1)
        return attn.to_q(hidden), key, value
    query, key, value = attn.to_qkv(hidden).chunk(3, dim=-1)
    return query, key, value


def _rotated(part: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Return the rotary embedding of ``(batch, tokens, heads, channels)``, pairs interleaved."""
    even, odd = part.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    out = torch.empty_like(part)
    out[..., 0::2] = even * cos - odd * sin
    out[..., 1::2] = even * sin + odd * cos
    return out.type_as(part)
