"""The two attentions of a block under a directive, once a family has made queries and keys."""

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn

from chorus_runtime.attention.amplified import amplified_attention
from chorus_runtime.attention.directive import Directive
from chorus_runtime.attention.state import AttentionState


def is_touched(directive: Directive, layer: int, *, crosses: bool) -> bool:
    """Tell whether the directive changes this attention; if not, the stock processor runs."""
    if not crosses:
        return directive.keys_values != "off"
    captured = directive.capture is not None and layer in directive.capture.layers
    return captured or directive.bias is not None


def attend_self(
    state: AttentionState,
    layer: int,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    backend: object,
) -> torch.Tensor:
    """Attend to the recorded keys and values; all ``(batch, tokens, heads, channels)``."""
    key, value = state.exchange(layer, key, value)
    return dispatch_attention_fn(query, key, value, backend=backend)


def attend_cross(
    state: AttentionState,
    layer: int,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    backend: object,
) -> torch.Tensor:
    """Attend to the text with its tokens amplified, and keep the map where it is asked for."""
    bias, capture = state.directive.bias, state.directive.capture
    wanted = capture is not None and layer in capture.layers
    out, sums = amplified_attention(
        query,
        key,
        value,
        log_factor=None if bias is None else bias.log_factor,
        rows=None if bias is None else bias.rows,
        groups=capture.groups if capture is not None and wanted else None,
        mask=mask,
        implementation="mask" if bias is None else bias.implementation,
        backend=backend,
    )
    if sums is not None:
        state.add_map(sums)
    return out
