"""Wan (WanTransformer3DModel, arXiv 2503.20314): text-to-video of Wan 2.1 and 2.2, text-to-image.

A Wan block works token by token except for its self-attention, and positions enter only through
the rotary table. So a forward over some tokens gathers their patches and their rows of the table
and walks the stock blocks: nothing of the model is subclassed or copied.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from chorus_policies.costs.flops import Transformer
from chorus_runtime.adapters.adapter import Passage, TextStates, scatter
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.attention.wan_processor import WanProcessor, stock_wan_processor
from chorus_runtime.grid import TokenGrid, from_tokens, to_tokens, token_grid
from chorus_traces.errors import EngineError


class WanAdapter:
    """Runs a ``WanTransformer3DModel`` on the whole latent or on some of its tokens.

    ``per_token_timesteps`` repeats the timestep for every token, as the pipeline of the Wan 2.2
    text-and-image-to-video model does (``expand_timesteps``).
    Raises ``EngineError`` for image-conditioned models: they attend to image tokens as well.
    """

    family = "wan"

    def __init__(self, model: Any, *, per_token_timesteps: bool = False) -> None:
        config = model.config
        if config.image_dim is not None or config.added_kv_proj_dim is not None:
            raise EngineError(
                "this Wan model is conditioned on an image (image_dim or added_kv_proj_dim is "
                "set); only text-to-video models are supported"
            )
        if config.in_channels != (config.out_channels or config.in_channels):
            raise EngineError(
                f"this Wan model takes {config.in_channels} channels and gives "
                f"{config.out_channels}; only models that take nothing but the latent are supported"
            )
        self.model = model
        self.per_token_timesteps = per_token_timesteps
        self._patch = tuple(config.patch_size)

    @property
    def channels(self) -> int:
        """Channels of the model's latents."""
        return int(self.model.config.in_channels)

    def sizes(self) -> Transformer:
        """Return the sizes the FLOP formula needs."""
        config = self.model.config
        return Transformer(
            layers=config.num_layers,
            width=config.num_attention_heads * config.attention_head_dim,
            feed_forward=config.ffn_dim,
            channels=config.in_channels,
            patch=self._patch,
            text_width=config.text_dim,
        )

    def grid(self, latent_shape: Sequence[int]) -> TokenGrid:
        """Return the token grid. Raises ``EngineError`` on a latent the model cannot take."""
        grid = token_grid(latent_shape, self._patch)
        longest = self.model.config.rope_max_seq_len
        if latent_shape[1] != self.channels or max(grid.shape) > longest:
            raise EngineError(
                f"latent shape {tuple(latent_shape)}: {self.channels} channels and at most "
                f"{longest} tokens along an axis are needed"
            )
        return grid

    def full(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> torch.Tensor:
        """Return the velocity of the whole latent by the model's own forward."""
        times = self._times(timestep, latents.shape[0], self.grid(latents.shape).tokens)
        # diffusers walks all modules to tell the type: asked once a pass, it is felt in small ones.
        dtype = self.model.dtype
        states = text.states.to(dtype)
        return self.model(latents.to(dtype), times, states, return_dict=False)[0]

    def subset(
        self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates, index: torch.Tensor
    ) -> torch.Tensor:
        """Return the velocity where ``index`` says, in latent shape, zero elsewhere."""
        grid, model = self.grid(latents.shape), self.model
        patches = to_tokens(latents.to(model.dtype), grid)[:, index]
        embedding = model.patch_embedding
        hidden = functional.linear(patches, embedding.weight.flatten(1), embedding.bias)
        cos, sin = model.rope(latents)
        passage = self._passage(hidden, (cos[:, index], sin[:, index]), timestep, text, grid, index)
        return passage.output(passage.blocks())

    def passage(self, latents: torch.Tensor, timestep: torch.Tensor, text: TextStates) -> Passage:
        """Return a full forward taken apart."""
        grid, model = self.grid(latents.shape), self.model
        hidden = model.patch_embedding(latents.to(model.dtype)).flatten(2).transpose(1, 2)
        rotary = model.rope(latents)
        return self._passage(hidden.contiguous(), rotary, timestep, text, grid, None)

    def processors(self, state: AttentionState) -> list[tuple[Any, Any]]:
        """Return ``(attention module, processor that obeys state)`` for every attention."""
        pairs = []
        for layer, block in enumerate(self.model.blocks):
            for attention, crosses in ((block.attn1, False), (block.attn2, True)):
                stock = stock_wan_processor(attention)
                pairs.append((attention, WanProcessor(stock, state, layer, crosses=crosses)))
        return pairs

    def _times(self, timestep: torch.Tensor, batch: int, tokens: int) -> torch.Tensor:
        if self.per_token_timesteps:
            return timestep.expand(batch, tokens)
        return timestep.expand(batch)

    def _passage(
        self,
        hidden: torch.Tensor,
        rotary: tuple[torch.Tensor, torch.Tensor],
        timestep: torch.Tensor,
        text: TextStates,
        grid: TokenGrid,
        index: torch.Tensor | None,
    ) -> Passage:
        """Return the pass over ``hidden`` ``(batch, computed tokens, width)``."""
        model = self.model
        batch, count = hidden.shape[:2]
        times = self._times(timestep, batch, count)
        embed = {"timestep_seq_len": count} if self.per_token_timesteps else {}
        time, modulation, states, _ = model.condition_embedder(
            times.flatten(), text.states.to(hidden.dtype), None, **embed
        )
        modulation = modulation.unflatten(-1, (6, -1))

        def signal() -> torch.Tensor:
            first = model.blocks[0]
            table = first.scale_shift_table + modulation.float()
            shift, scale = table.unbind(-2)[:2]
            if not self.per_token_timesteps:
                shift, scale = shift.unsqueeze(1), scale.unsqueeze(1)
            return first.norm1(hidden.float()) * (1 + scale) + shift

        def blocks() -> torch.Tensor:
            left = hidden
            for block in model.blocks:
                left = block(left, states, modulation, rotary)
            return left

        def output(left: torch.Tensor) -> torch.Tensor:
            table = model.scale_shift_table.to(time.device) + time.unsqueeze(-2)
            shift, scale = table.unbind(-2)
            if not self.per_token_timesteps:
                shift, scale = shift.unsqueeze(1), scale.unsqueeze(1)
            rows = (model.norm_out(left.float()) * (1 + scale) + shift).type_as(left)
            rows = model.proj_out(rows)
            whole = rows if index is None else scatter(rows, index, grid.tokens)
            return from_tokens(whole, grid, channels_last=True)

        return Passage(hidden=hidden, signal=signal, blocks=blocks, output=output)
