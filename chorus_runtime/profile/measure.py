"""Measures every stage of a profile on one device, for one model and one clip shape."""

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from chorus_policies.costs.profile import Profile, SrdPoint, StageTime
from chorus_policies.costs.profile_book import Shape
from chorus_runtime.clock import today
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.noise import seeded_noise
from chorus_runtime.profile.environment import device_name, versions
from chorus_runtime.profile.movement import (
    ENTRIES,
    disk_rate,
    embedding_time,
    hand_over_time,
    lookup_time,
    memory_rate,
    shared_rate,
)
from chorus_runtime.profile.pieces import Pieces
from chorus_runtime.profile.sample import Sample, measure
from chorus_runtime.profile.steps import SrdSample, StepTimer
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.shapes.clip_io import write_mp4
from chorus_runtime.store.kept import LATENT_DTYPE
from chorus_traces.errors import EngineError

#: Active shares of the SRD curve.
SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 1.0)

#: Coefficient of variation above which a step's time is not to be trusted.
MOST_CV = 0.10

#: Fewer repeats say nothing about spread.
LEAST_REPEATS = 3

_CPU = torch.device("cpu")

_NOTHING: Mapping[str, StageTime] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A profile, and the stages too noisy to be trusted, in words."""

    profile: Profile
    noisy: tuple[str, ...]


def measure_profile(
    model: VideoModel,
    shape: Shape,
    embedder: PromptEmbedder,
    *,
    repeats: int = 7,
    assumed: Mapping[str, StageTime] = _NOTHING,
    scratch: Path | None = None,
    shared: str | None = None,
    note: str = "",
    pieces: Pieces | None = None,
) -> Measured:
    """Return the profile of ``model`` for ``shape`` on the device it lies on.

    ``assumed`` holds those of the stages ``text_encode`` and ``vae_decode`` that cannot be
    measured. ``scratch`` is a folder on the disk that is measured, ``shared`` the address of a
    store other machines reach, the tier ``remote``. ``pieces`` keeps the times of steps and stages
    from an interrupted call. Raises ``EngineError`` for too few repeats, and
    ``Paused`` where ``pieces`` stops.
    """
    if repeats < LEAST_REPEATS:
        raise EngineError(f"repeats is {repeats}; at least {LEAST_REPEATS} are needed")
    device, guidance = model.device, shape.guidance
    pieces = pieces or Pieces()
    timer = StepTimer(model, shape, repeats)
    full = pieces.sample("full", lambda: timer.full(guidance))
    other = pieces.sample("other", lambda: timer.full(1.0 if guidance > 1 else 5.0))
    curve = [_srd(pieces, timer, share, guidance) for share in SHARES]
    amplified = pieces.number("tgaa", lambda: timer.amplified_share(guidance))
    latents = seeded_noise(model.latent_shape(shape), 0, device)
    text = _stage("text_encode", assumed, lambda: _encode_time(model, guidance, repeats))
    decode = _stage(
        "vae_decode",
        assumed,
        lambda: pieces.sample(
            "decode", lambda: measure(lambda: model.decode(latents, "pt"), device, repeats)
        ),
    )
    latent_bytes = math.prod(model.latent_shape(shape)) * LATENT_DTYPE.itemsize
    encode, clip_bytes = _video_encode(shape, LEAST_REPEATS)
    hand_over = hand_over_time(latent_bytes, repeats)
    embed, lookup = embedding_time(embedder, repeats), lookup_time(repeats)
    miss_s = text.mean_s + shape.steps * full.median_s + decode.mean_s + encode.median_s
    overhead = (embed.median_s + lookup.median_s + hand_over.median_s) / miss_s
    notes = [
        "mean_s holds medians",
        f"a step {'without' if guidance > 1 else 'with'} guidance takes {other.median_s:.4g} s",
        f"a miss waits {hand_over.median_s:.2g} s for the store",
        f"embedding, lookup among {ENTRIES} entries and store are {overhead:.2%} of a miss",
        "disk reads are of files just written",
        note,
    ]
    profile = Profile(
        name=f"{model.name}-{shape.width}x{shape.height}x{shape.frames}-{shape.steps}step-"
        f"{device_name(device)}",
        model=model.name,
        device=device_name(device),
        source="measured",
        height=shape.height,
        width=shape.width,
        frames=shape.frames,
        steps=shape.steps,
        guidance=guidance,
        text_encode=text,
        embed=embed.stage(),
        lookup=lookup.stage(),
        full_step=full.stage(),
        srd_step=_curve(curve),
        srd_full_every=model.engine.settings.refresh_every,
        tgaa_share=amplified,
        vae_decode=decode,
        video_encode=encode.stage(),
        tiers={
            "gpu": memory_rate(device, repeats, tier="gpu"),
            "host": memory_rate(device, repeats, tier="host"),
            "disk": disk_rate(scratch, repeats),
        }
        | ({} if shared is None else {"remote": shared_rate(shared, repeats)}),
        latent_bytes=latent_bytes,
        result_bytes=clip_bytes,
        date=today(),
        versions=versions(device),
        note="; ".join(part for part in notes if part),
    )
    samples = {"full_step": full} | {
        f"srd_step at {point.active_share:.2f}": point.sample for point in curve
    }
    return Measured(profile=profile, noisy=tuple(_noisy(samples)))


def _srd(pieces: Pieces, timer: StepTimer, share: float, guidance: float) -> SrdSample:
    def take() -> tuple[Sample, float]:
        found = timer.srd(share, guidance)
        return found.sample, found.active_share

    sample, active = pieces.region(f"srd {share:g}", take)
    return SrdSample(active_share=active, sample=sample)


def _curve(samples: list[SrdSample]) -> tuple[SrdPoint, ...]:
    """Return the points by rising share; on a small grid neighbouring shares may coincide."""
    by_share = {one.active_share: one.sample.median_s for one in samples}
    return tuple(SrdPoint(active_share=share, mean_s=by_share[share]) for share in sorted(by_share))


def _noisy(samples: dict[str, Sample]) -> list[str]:
    return [
        f"{name} varies by {sample.cv:.0%}"
        for name, sample in samples.items()
        if sample.cv > MOST_CV
    ]


def _stage(name: str, assumed: Mapping[str, StageTime], take: Callable[[], Sample]) -> StageTime:
    return assumed[name] if name in assumed else take().stage()


def _encode_time(model: VideoModel, guidance: float, repeats: int) -> Sample:
    def encode() -> None:
        model.encode("a red circle moving left", None, guided=guidance > 1)

    return measure(encode, model.device, repeats)


def _video_encode(shape: Shape, repeats: int) -> tuple[Sample, int]:
    """Return the time and the bytes of a clip in which a shade moves."""
    rows = torch.linspace(0, 1, shape.height)[None, :, None, None]
    columns = torch.linspace(0, 1, shape.width)[None, None, :, None]
    times = torch.linspace(0, 1, shape.frames)[:, None, None, None]
    clip = ((rows + columns + times) % 1).expand(-1, -1, -1, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        sample = measure(lambda: write_mp4(path, clip, fps=16, scale=1), _CPU, repeats)
        return sample, path.stat().st_size
