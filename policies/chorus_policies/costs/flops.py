"""FLOPs of a Wan video transformer, for the whole latent and for a subset of its tokens.

1 multiply-add = 2 FLOP. The formula counts, per layer with width d, feed-forward width f, M
computed tokens, K attended tokens and S text tokens: self-attention projections ``8 M d^2``,
scores and values ``4 M K d``, cross-attention ``4 M d^2 + 4 S d^2 + 4 M S d`` and feed-forward
``4 M d f``; and once the patch and output layers and the text projection. Elementwise work is not
counted.
"""

import msgspec


class Transformer(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of a video transformer; ``patch`` is (frames, rows, columns) of one token."""

    layers: int
    width: int
    feed_forward: int
    channels: int = 16
    patch: tuple[int, int, int] = (1, 2, 2)
    text_tokens: int = 512
    text_width: int = 4096
    time_stride: int = 4
    space_stride: int = 8


#: Wan 2.1 (the released configurations of the text-to-video models).
TRANSFORMERS = {
    "wan2.1-1.3b": Transformer(layers=30, width=1536, feed_forward=8960),
    "wan2.1-14b": Transformer(layers=40, width=5120, feed_forward=13824),
}


def latent_shape(model: Transformer, height: int, width: int, frames: int) -> tuple[int, int, int]:
    """Return the latent's ``(frames, rows, columns)`` for a clip in pixels.

    Raises ``ValueError`` for sizes the model has no latent for.
    """
    stride = model.space_stride
    rows, columns = stride * model.patch[1], stride * model.patch[2]
    if height % rows or width % columns or (frames - 1) % model.time_stride:
        raise ValueError(
            f"{width}x{height}x{frames}: width and height must be multiples of {rows}, and "
            f"frames one more than a multiple of {model.time_stride}"
        )
    return (frames - 1) // model.time_stride + 1, height // stride, width // stride


def token_count(model: Transformer, height: int, width: int, frames: int) -> int:
    """Return the number of tokens the transformer sees for a clip in pixels."""
    latent = latent_shape(model, height, width, frames)
    return latent[0] * latent[1] * latent[2] // (model.patch[0] * model.patch[1] * model.patch[2])


def forward_flops(model: Transformer, tokens: int, attended: int) -> tuple[float, float]:
    """Return ``(linear, attention)`` FLOPs of one forward pass over ``tokens`` tokens.

    ``attended`` is the number of keys each token sees: all of the latent's tokens for a full pass
    and for SRD with stale keys and values, ``tokens`` for isolated SRD.
    """
    d, f, s = model.width, model.feed_forward, model.text_tokens
    linear = 12 * tokens * d * d + 4 * s * d * d + 4 * tokens * d * f
    attention = 4 * tokens * attended * d + 4 * tokens * s * d
    patch = model.channels * model.patch[0] * model.patch[1] * model.patch[2]
    once = 4 * tokens * d * patch + 2 * s * (model.text_width * d + d * d)
    return float(model.layers * linear + once), float(model.layers * attention)
