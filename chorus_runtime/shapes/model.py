"""The shapes model: a real ``WanTransformer3DModel`` of a few million parameters, and its text.

The transformer predicts the velocity ``noise - data`` at time ``1000 * sigma``, as Wan does.
"""

from dataclasses import dataclass

import msgspec
import torch
from diffusers import WanTransformer3DModel

from chorus_runtime.shapes.attributes import FRAMES, SIDE
from chorus_runtime.shapes.codec import CHANNELS, Codec, load_codec
from chorus_runtime.shapes.text_encoder import TextEncoder
from chorus_runtime.shapes.tokenizer import Tokenizer

# A gate of 0.3 lets every block act from the first step; a gate near 0 makes it wait.
_FIRST_GATE = 0.3


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size of the model; more width, layers or latent frames cost time for quality."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    text_layers: int = 2
    # Frames in one latent frame: 4 gives 128 tokens, 2 gives 256.
    span: int = 4


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a variant is to be sampled; guidance 1 means one forward pass a step."""

    steps: int = 50
    guidance: float = 3.0
    shift: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapesModel:
    """Everything that turns a prompt into a clip."""

    config: ModelConfig
    sampling: Sampling
    tokenizer: Tokenizer
    text_encoder: TextEncoder
    transformer: WanTransformer3DModel
    codec: Codec

    def latent_shape(self, batch: int) -> tuple[int, int, int, int, int]:
        """Return (batch, channels, frames, height, width) of a latent."""
        return (batch, CHANNELS, FRAMES // self.config.span, SIDE // 2, SIDE // 2)

    def encode_text(self, prompts: list[str]) -> torch.Tensor:
        """Return text states (prompts, LENGTH, width); the empty prompt is unconditional."""
        states: torch.Tensor = self.text_encoder(
            self.tokenizer.batch(prompts).to(self.transformer.device)
        )
        return states

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return every trained parameter by name, the same order each time."""
        return {
            f"{part}.{name}": parameter
            for part, module in (("transformer", self.transformer), ("text", self.text_encoder))
            for name, parameter in module.named_parameters()
        }


def build_model(
    config: ModelConfig, *, seed: int = 0, device: str = "cpu", sampling: Sampling | None = None
) -> ShapesModel:
    """Return an untrained model; equal seeds give equal weights.

    The first forward pass returns zero: blocks start with open gates, no influence of the time and
    an empty last projection.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=config.heads,
            attention_head_dim=config.width // config.heads,
            in_channels=CHANNELS,
            out_channels=CHANNELS,
            text_dim=config.width,
            freq_dim=64,
            ffn_dim=4 * config.width,
            num_layers=config.layers,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=64,
        )
        text_encoder = TextEncoder(config.width, config.text_layers)
    with torch.no_grad():
        for block in transformer.blocks:
            block.scale_shift_table.zero_()
            block.scale_shift_table[:, [2, 5]] = _FIRST_GATE
        for empty in (transformer.condition_embedder.time_proj, transformer.proj_out):
            empty.weight.zero_()
            empty.bias.zero_()
    return ShapesModel(
        config=config,
        sampling=sampling or Sampling(),
        tokenizer=Tokenizer(),
        text_encoder=text_encoder.to(device),
        transformer=transformer.to(device),
        codec=load_codec(config.span).to(device),
    )
