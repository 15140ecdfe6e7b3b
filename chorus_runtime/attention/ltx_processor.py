"""The attention processor of LTX-Video's blocks that obeys a directive."""

from typing import Any

import torch
from diffusers.models.transformers.transformer_ltx import LTXVideoAttnProcessor, apply_rotary_emb

from chorus_runtime.attention.attend import attend_cross, attend_self, is_touched
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.attention.stock import stock_processor


def stock_ltx_processor(attention: Any) -> Any:
    """Return the module's processor. Raises ``EngineError`` unless it is the stock one."""
    return stock_processor(attention, LTXVideoAttnProcessor, "an LTX")


class LtxProcessor:
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
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Attend over ``hidden_states`` ``(batch, computed tokens, width)``."""
        if not is_touched(self._state.directive, self._layer, crosses=self._crosses):
            return self._stock(
                attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb
            )
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if attention_mask is not None:
            batch, length = source.shape[:2]
            attention_mask = attn.prepare_attention_mask(attention_mask, length, batch)
            attention_mask = attention_mask.view(batch, attn.heads, -1, length)
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(source))
        value = attn.to_v(source)
        if image_rotary_emb is not None:
            query = apply_rotary_emb(query, image_rotary_emb)
            key = apply_rotary_emb(key, image_rotary_emb)
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        backend = self._stock._attention_backend  # noqa: SLF001 - diffusers keeps it there
        if self._crosses:
            out = attend_cross(self._state, self._layer, query, key, value, attention_mask, backend)
        else:
            out = attend_self(self._state, self._layer, query, key, value, backend)
        out = attn.to_out[0](out.flatten(2, 3).to(query.dtype))
        return attn.to_out[1](out)
