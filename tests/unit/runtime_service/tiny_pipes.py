"""Real pipelines at sizes a test can pay for, and a policy that reuses early."""

from functools import cache

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    WanPipeline,
    WanTransformer3DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from chorus_policies.policy import parse_policy
from chorus_runtime.models import WanVideo
from chorus_runtime.settings import EngineSettings
from chorus_traces.request import Request

WORDS = tuple(
    "a red blue green circle square moving left right up down on dark light background".split()  # noqa: SIM905
)
TEXT_TOKENS = 16
PADDING, END, UNKNOWN = "<pad>", "</s>", "<unk>"


def tokenizer() -> PreTrainedTokenizerFast:
    special = [PADDING, END, UNKNOWN]
    table = {word: number for number, word in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(table, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token=PADDING,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=32,
    )


def wan_pipe(seed: int = 0) -> WanPipeline:
    torch.manual_seed(seed)
    return WanPipeline(
        tokenizer=tokenizer(),
        text_encoder=UMT5EncoderModel(
            UMT5Config(vocab_size=32, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
        ).eval(),
        vae=AutoencoderKLWan(
            base_dim=3,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=16,
            freq_dim=32,
            ffn_dim=32,
            num_layers=2,
            rope_max_seq_len=32,
        ).eval(),
    )


def ltx_pipe() -> LTXPipeline:
    torch.manual_seed(0)
    five = {"layers_per_block": (1,) * 5, "decoder_layers_per_block": (1,) * 5}
    four = {
        "block_out_channels": (8,) * 4,
        "decoder_block_out_channels": (8,) * 4,
        "spatio_temporal_scaling": (True, True, True, False),
        "decoder_spatio_temporal_scaling": (True, True, True, False),
        "upsample_residual": (False,) * 4,
        "upsample_factor": (1,) * 4,
    }
    pipe = LTXPipeline(
        tokenizer=tokenizer(),
        text_encoder=T5EncoderModel(
            T5Config(vocab_size=32, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
        ).eval(),
        vae=AutoencoderKLLTXVideo(
            latent_channels=8, decoder_inject_noise=(False,) * 5, patch_size=4, **five, **four
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        transformer=LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=12,
            cross_attention_dim=24,
            num_layers=2,
            caption_channels=16,
        ).eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@cache
def wan_video() -> WanVideo:
    return WanVideo(wan_pipe(), EngineSettings(), TEXT_TOKENS)


def policy(
    *,
    kind: str = "window",
    trim: bool = False,
    eviction: str = "lru",
    in_flight: bool = False,
):
    """Regional above 0.7, full reuse above 0.3, by words in common."""
    return parse_policy(
        f"""
        [reuse]
        kind = "bands"
        [[reuse.bands]]
        similarity = 0.7
        k1 = 0.2
        k2 = 0.8
        active_share = 0.4
        [[reuse.bands]]
        similarity = 0.3
        k1 = 0.4
        [eviction]
        kind = "{eviction}"
        [entry]
        kind = "{kind}"
        trim = {str(trim).lower()}
        in_flight = {str(in_flight).lower()}
        """,
        where="test",
        name="test",
    )


def asked(prompt: str, seed: int | None = 1, **more) -> Request:
    fields = {"height": 32, "width": 32, "frames": 5, "steps": 5, "guidance": 3.0}
    return Request(id="q", arrival_s=0.0, prompt=prompt, seed=seed, **(fields | more))
