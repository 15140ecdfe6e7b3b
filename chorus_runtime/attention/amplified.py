"""Cross-attention with TGAA and exact attention maps, out of any attention kernel.

Multiplying a token's softmax weight by a factor and normalising again equals adding the factor's
logarithm to its logits. A kernel without masks does it with one more channel: queries carry
``sqrt(d)``, keys the logarithm, and the scale stays ``1 / sqrt(d)`` (TGAA: arXiv 2604.04451; the
equivalence is elementary). Likewise, one-hot channels appended to the values come out as the
attention probability of each group of tokens: a map without materialising the softmax.
"""

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch.nn import functional

from chorus_runtime.attention.directive import Implementation

#: Kernels want channel counts in multiples of this.
CHANNELS_STEP = 8


def amplified_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    log_factor: torch.Tensor | None,
    rows: torch.Tensor | None,
    groups: torch.Tensor | None,
    mask: torch.Tensor | None,
    implementation: Implementation,
    backend: object,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the attended values and the map, ``None`` without ``groups``.

    ``query`` is ``(batch, tokens, heads, channels)``, ``key`` and ``value`` ``(batch, text tokens,
    heads, channels)``. ``log_factor`` is ``(batch or 1, text tokens)``, ``rows`` ``(tokens,)``,
    ``groups`` ``(text tokens, groups)`` and ``mask``, the model's own additive one,
    ``(batch, heads or 1, 1, text tokens)``, equal over heads. The map is
    ``(batch, tokens, heads, groups)``.
    """
    channels = query.shape[-1]
    appended = implementation == "append" and log_factor is not None
    if appended and log_factor is not None:
        query, key = _append(query, key, log_factor, rows, mask)
        mask = None
    elif log_factor is not None:
        bias = log_factor[:, None, None, :]
        if rows is not None:
            bias = bias * rows[None, None, :, None]
        bias = bias.to(query.dtype)
        mask = bias if mask is None else mask + bias
    if groups is not None:
        batch, _, heads, _ = value.shape
        spread = groups.to(value.dtype)[None, :, None, :].expand(batch, -1, heads, -1)
        value = torch.cat([value, spread], dim=-1)
    width = max(query.shape[-1], value.shape[-1])
    if width > channels:
        width = -(-width // CHANNELS_STEP) * CHANNELS_STEP
        query, key, value = (_widen(part, width) for part in (query, key, value))
    out = dispatch_attention_fn(
        query, key, value, attn_mask=mask, scale=channels**-0.5, backend=backend
    )
    if groups is None:
        return out[..., :channels], None
    return out[..., :channels], out[..., channels : channels + groups.shape[1]]


def _append(
    query: torch.Tensor,
    key: torch.Tensor,
    log_factor: torch.Tensor,
    rows: torch.Tensor | None,
    mask: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return queries and keys with the bias, and the model's mask, in extra channels."""
    batch, tokens, heads, channels = query.shape
    unit = query.new_full((batch, tokens, heads, 1), channels**0.5)
    gate = unit if rows is None else unit * rows.to(query.dtype)[None, :, None, None]
    query_parts, key_parts = [query, gate], [key, _per_head(log_factor, key)]
    if mask is not None:
        query_parts.append(unit)
        key_parts.append(_per_head(mask[:, 0, 0], key))
    return torch.cat(query_parts, dim=-1), torch.cat(key_parts, dim=-1)


def _per_head(per_token: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Return ``(batch or 1, text tokens)`` as a channel of ``key``."""
    return per_token.to(key.dtype)[:, :, None, None].expand(*key.shape[:3], 1)


def _widen(part: torch.Tensor, width: int) -> torch.Tensor:
    return functional.pad(part, (0, width - part.shape[-1]))
