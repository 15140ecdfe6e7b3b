"""LTX-Video (LTXVideoTransformer3DModel, arXiv 2501.00103).

Its forward takes tokens and their coordinates in pixels and seconds, so a forward over some
tokens is the stock forward on a gathered input: no walk over blocks is needed.
"""

from collections.abc import Sequence
from typing import Any

import torch

from chorus_policies.costs.flops import Transformer
from chorus_runtime.adapters.adapter import Passage, TextStates, scatter
from chorus_runtime.attention.ltx_processor import LtxProcessor, stock_ltx_processor
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.grid import TokenGrid, from_tokens, to_tokens, token_grid
from chorus_traces.errors import EngineError


class LtxAdapter:
    """Runs an ``LTXVideoTransformer3DModel`` on the whole latent or on some of its tokens.

    ``frame_rate`` and the strides of the video autoencoder place the tokens in seconds and pixels.
    """

    family = "ltx"

    def __init__(
        self,
        model: Any,
        *,
        frame_rate: float = 25.0,
        time_stride: int = 8,
        space_stride: int = 32,
    ) -> None:
        config = model.config
        self.model = model
        self._patch = (config.patch_size_t, config.patch_size, config.patch_size)
        self._patch_values = config.patch_size_t * config.patch_size**2
        self._strides = (time_stride / frame_rate, space_stride, space_stride)
        if config.in_channels != (config.out_channels or config.in_channels):
            raise EngineError(
                f"this LTX model takes {config.in_channels} values a token and gives "
                f"{config.out_channels}; only models that take nothing but the latent are supported"
            )

    @property
    def channels(self) -> int:
        """Channels of the model's latents."""
        return int(self.model.config.in_channels // self._patch_values)

    def sizes(self) -> Transformer:
        """Return the sizes the FLOP formula needs."""
        config = self.model.config
        width = config.num_attention_heads * config.attention_head_dim
        return Transformer(
            layers=config.num_layers,
            width=width,
            feed_forward=4 * width,
            channels=self.channels,
            patch=self._patch,
            text_width=config.caption_channels,
        )

    def grid(self, latent_shape: Sequence[int]) -> TokenGrid:
        """Return the token grid. Raises ``EngineError`` on a latent the model cannot take."""
        grid = token_grid(latent_shape, self._patch)
        if latent_shape[1] != self.channels:
            raise EngineError(
                f"latent shape {tuple(latent_shape)}: {self.channels} channels are needed"
            )
        return grid

    def full(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> torch.Tensor:
        """Return the velocity of the whole latent by the model's own forward."""
        grid = self.grid(latents.shape)
        tokens = to_tokens(latents.to(self.model.dtype), grid)
        rows = self._forward(tokens, timestep, text, self._coordinates(latents, grid))
        return from_tokens(rows, grid, channels_last=False)

    def subset(
        self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates, index: torch.Tensor
    ) -> torch.Tensor:
        """Return the velocity where ``index`` says, in latent shape, zero elsewhere."""
        grid = self.grid(latents.shape)
        tokens = to_tokens(latents.to(self.model.dtype), grid)[:, index]
        coordinates = self._coordinates(latents, grid)[:, :, index]
        rows = self._forward(tokens, timestep, text, coordinates)
        return from_tokens(scatter(rows, index, grid.tokens), grid, channels_last=False)

    def passage(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> Passage:
        """Return a full forward taken apart."""
        grid, model = self.grid(latents.shape), self.model
        batch = latents.shape[0]
        hidden = model.proj_in(to_tokens(latents.to(model.dtype), grid))
        rotary = model.rope(hidden, video_coords=self._coordinates(latents, grid))
        modulation, time = model.time_embed(
            timestep.expand(batch), batch_size=batch, hidden_dtype=hidden.dtype
        )
        modulation = modulation.view(batch, -1, modulation.size(-1))
        time = time.view(batch, -1, time.size(-1))
        states = model.caption_projection(text.states.to(model.dtype))
        bias = ((1 - text.valid.to(hidden.dtype)) * -10000.0).unsqueeze(1)

        def signal() -> torch.Tensor:
            first = model.transformer_blocks[0]
            table = first.scale_shift_table[None, None] + modulation.unflatten(-1, (6, -1))
            shift, scale = table.unbind(2)[:2]
            return first.norm1(hidden) * (1 + scale) + shift

        def blocks() -> torch.Tensor:
            left = hidden
            for block in model.transformer_blocks:
                left = block(left, states, modulation, rotary, bias)
            return left

        def output(left: torch.Tensor) -> torch.Tensor:
            table = model.scale_shift_table[None, None] + time[:, :, None]
            rows = model.norm_out(left) * (1 + table[:, :, 1]) + table[:, :, 0]
            return from_tokens(model.proj_out(rows), grid, channels_last=False)

        return Passage(hidden=hidden, signal=signal, blocks=blocks, output=output)

    def processors(self, state: AttentionState) -> list[tuple[Any, Any]]:
        """Return ``(attention module, processor that obeys state)`` for every attention."""
        pairs = []
        for layer, block in enumerate(self.model.transformer_blocks):
            for attention, crosses in ((block.attn1, False), (block.attn2, True)):
                stock = stock_ltx_processor(attention)
                pairs.append((attention, LtxProcessor(stock, state, layer, crosses=crosses)))
        return pairs

    def _forward(
        self,
        tokens: torch.Tensor,
        timestep: torch.Tensor,
        text: TextStates,
        coordinates: torch.Tensor,
    ) -> torch.Tensor:
        return self.model(
            hidden_states=tokens,
            encoder_hidden_states=text.states.to(self.model.dtype),
            timestep=timestep.expand(tokens.shape[0]),
            encoder_attention_mask=text.valid,
            video_coords=coordinates,
            return_dict=False,
        )[0]

    def _coordinates(self, latents: torch.Tensor, grid: TokenGrid) -> torch.Tensor:
        """Return ``(batch, 3, tokens)``: seconds, and pixels down and across, of each token."""
        axes = [
            torch.arange(size, device=latents.device, dtype=torch.float32) for size in grid.shape
        ]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
        for axis, (stride, step) in enumerate(zip(self._strides, self._patch, strict=True)):
            places[axis] = places[axis] * stride * step
        return places.expand(latents.shape[0], -1, -1)
