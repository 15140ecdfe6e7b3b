"""Real models and schedulers at sizes a test can pay for, with random weights."""

from functools import cache

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    UniPCMultistepScheduler,
    WanTransformer3DModel,
)

from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_runtime.adapters import TextStates
from chorus_runtime.generation import Generation

TEXT_TOKENS = 9
TEXT_WIDTH = 16

#: 2 x 4 x 6 tokens for Wan (patch 1 x 2 x 2), 2 x 8 x 12 for LTX (patch 1).
SHAPE = (1, 4, 2, 8, 12)


@cache
def wan(seed: int = 0, layers: int = 3) -> WanTransformer3DModel:
    """Return a Wan whose attention is sharp, so that what is attended to matters."""
    torch.manual_seed(seed)
    model = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=24,
        in_channels=4,
        out_channels=4,
        text_dim=TEXT_WIDTH,
        freq_dim=32,
        ffn_dim=96,
        num_layers=layers,
        rope_max_seq_len=64,
    ).eval()
    return sharpened(model, model.blocks)


@cache
def ltx(seed: int = 0, layers: int = 3) -> LTXVideoTransformer3DModel:
    """Return an LTX-Video whose attention is sharp."""
    torch.manual_seed(seed)
    model = LTXVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=24,
        cross_attention_dim=48,
        num_layers=layers,
        caption_channels=TEXT_WIDTH,
    ).eval()
    return sharpened(model, model.transformer_blocks)


def sharpened(model, blocks):
    """Return the model with queries scaled up."""
    with torch.no_grad():
        for block in blocks:
            for attention in (block.attn1, block.attn2):
                attention.norm_q.weight.mul_(4)
    return model


def euler(shift: float = 3.0) -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(shift=shift)


def unipc(shift: float = 3.0) -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )


def text(seed: int, batch: int = 1) -> TextStates:
    """Return the states of a prompt that does not exist."""
    generator = torch.Generator().manual_seed(seed)
    return TextStates.of(torch.randn(batch, TEXT_TOKENS, TEXT_WIDTH, generator=generator))


def noise(seed: int, shape=SHAPE) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fresh() -> Plan:
    return Fresh(reason="test")


def resume(k1: int) -> Plan:
    return Resume(donor=0, similarity=0.9, k1=k1, reason="test")


def regional(k1: int, k2: int, share: float = 0.3, amplification: float = 1.0) -> Plan:
    return Regional(
        donor=0,
        similarity=0.9,
        k1=k1,
        k2=k2,
        active_share=share,
        amplification=amplification,
        reason="test",
    )


def asked(plan: Plan, prompt: int = 1, **more) -> Generation:
    """Return a guided request of ten steps; ``more`` overrides."""
    fields = {
        "latent_shape": SHAPE,
        "text_states": text(prompt),
        "negative_states": text(99),
        "guidance": 3.0,
        "steps": 10,
        "plan": plan,
        "seed": 5,
    }
    return Generation(**(fields | more))


def emphasis(*tokens: int) -> torch.Tensor:
    strengths = torch.zeros(1, TEXT_TOKENS)
    strengths[0, list(tokens)] = 1.0
    return strengths


def relative(got: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the relative L2 error."""
    return float((got - expected).norm() / expected.norm())
