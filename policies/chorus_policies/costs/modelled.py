"""Modelled profiles: FLOPs over a device's rate, for any clip shape.

They answer "what would it cost" before anything was measured, and are labelled *modelled*. Rates
are the vendor's peak times an assumed efficiency; the stages that have no FLOP formula are
*assumed* from pixels per second. A measured profile replaces all of it.
"""

import msgspec

from chorus_policies.costs.flops import TRANSFORMERS, forward_flops, latent_shape, token_count
from chorus_policies.costs.profile import Profile, SrdPoint, StageTime, TierRate


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU: dense bf16 peak (data sheet), and assumed rates for what FLOPs do not cover."""

    peak_flops: float
    host_bytes_per_s: float
    decode_pixels_per_s: float


#: Peaks are the data sheets' dense bf16 figures (SXM); the other two are assumed.
DEVICES = {
    "a100": Device(peak_flops=312e12, host_bytes_per_s=24e9, decode_pixels_per_s=8e6),
    "h100": Device(peak_flops=989e12, host_bytes_per_s=50e9, decode_pixels_per_s=14e6),
    "h200": Device(peak_flops=989e12, host_bytes_per_s=50e9, decode_pixels_per_s=15e6),
}

#: Clip shapes that presets name: (height, width, frames).
RESOLUTIONS = {"480p": (480, 832, 81), "720p": (720, 1280, 81)}

#: Step counts that presets name, with the guidance they go with: distilled models run one forward
#: pass a step, the others two.
STEP_COUNTS = {50: 5.0, 4: 1.0}

#: Share of the peak that large matrix products reach, and that fused attention reaches. Assumed;
#: a lower value makes every saving larger in seconds and equal in share.
LINEAR_EFFICIENCY = 0.60
ATTENTION_EFFICIENCY = 0.40

#: Elementwise work on top of the FLOPs: 15 to 30 % is expected of the eager 1.3B model. Assumed.
ELEMENTWISE_SHARE = 0.15

#: Gathering and scattering tokens, as a share of a full step, in every SRD step. Assumed.
SRD_OVERHEAD_SHARE = 0.02

#: Encoded video, bits per pixel (about 4 Mbit/s at 480p), and encoder speed. Assumed.
VIDEO_BITS_PER_PIXEL = 0.6
ENCODE_PIXELS_PER_S = 80e6

#: Run-to-run spread of a stage. Assumed.
STAGE_CV = 0.03

_SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 1.0)


def modelled_profile(
    model: str, device: str, *, height: int, width: int, frames: int, steps: int, guidance: float
) -> Profile:
    """Return the modelled profile of ``model`` on ``device`` for one clip shape.

    ``model`` and ``device`` are keys of ``TRANSFORMERS`` and ``DEVICES``. Raises ``ValueError`` for
    a shape the model has no latent for.
    """
    transformer, gpu = TRANSFORMERS[model], DEVICES[device]
    tokens = token_count(transformer, height, width, frames)
    passes = 2 if guidance > 1 else 1

    def step_s(computed: int) -> float:
        linear, attention = forward_flops(transformer, computed, tokens)
        seconds = linear / LINEAR_EFFICIENCY + attention / ATTENTION_EFFICIENCY
        return passes * seconds / gpu.peak_flops * (1 + ELEMENTWISE_SHARE)

    full_step_s = step_s(tokens)
    srd = tuple(
        SrdPoint(
            active_share=share,
            mean_s=step_s(round(share * tokens)) + SRD_OVERHEAD_SHARE * full_step_s,
        )
        for share in _SHARES
    )
    latent = latent_shape(transformer, height, width, frames)
    pixels = height * width * frames
    host, disk = gpu.host_bytes_per_s, 6e9
    return Profile(
        name=f"{model}-{width}x{height}x{frames}-{steps}step-{device}",
        model=model,
        device=device,
        source="modelled",
        height=height,
        width=width,
        frames=frames,
        steps=steps,
        guidance=guidance,
        text_encode=_assumed(0.03 * passes * 989e12 / gpu.peak_flops),
        embed=_assumed(0.02),
        lookup=_assumed(0.001),
        full_step=StageTime(mean_s=full_step_s, cv=STAGE_CV, source="modelled"),
        srd_step=srd,
        srd_full_every=4,
        tgaa_share=0.005,
        vae_decode=_assumed(pixels / gpu.decode_pixels_per_s),
        video_encode=_assumed(pixels / ENCODE_PIXELS_PER_S),
        tiers={
            "gpu": TierRate(load_bytes_per_s=2e12, store_bytes_per_s=2e12),
            "host": TierRate(load_bytes_per_s=host, store_bytes_per_s=host, latency_s=2e-5),
            "disk": TierRate(load_bytes_per_s=disk, store_bytes_per_s=disk / 2, latency_s=2e-4),
            "remote": TierRate(load_bytes_per_s=3e9, store_bytes_per_s=3e9, latency_s=1e-3),
        },
        latent_bytes=transformer.channels * latent[0] * latent[1] * latent[2] * 2,
        result_bytes=round(pixels * VIDEO_BITS_PER_PIXEL / 8),
        note="FLOPs over assumed rates; stages without a formula are assumed",
    )


def _assumed(mean_s: float) -> StageTime:
    return StageTime(mean_s=mean_s, cv=STAGE_CV, source="assumed")
