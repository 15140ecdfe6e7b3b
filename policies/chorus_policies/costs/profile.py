"""The profile: what each stage costs on one device, for one model and one clip shape.

A profile is one JSON file. The runtime's profiler writes measured ones; modelled ones come from
FLOPs. Each stage says where its number is from, and so does everything derived from it.
"""

import math
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from chorus_traces.errors import ProfileError

Source = Literal["measured", "modelled", "assumed"]

SCHEMA = "chorus.profile/1"

#: The largest coefficient of variation a profile holds.
MOST_CV = 5.0


class StageTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds of one stage: mean, coefficient of variation, and where they come from."""

    mean_s: float
    cv: float = 0.0
    samples: int = 0
    source: Source = "assumed"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_s) and self.mean_s >= 0):
            raise ValueError(f"mean_s is {self.mean_s}; a finite number >= 0 is needed")
        if not (math.isfinite(self.cv) and 0 <= self.cv <= MOST_CV):
            raise ValueError(f"cv is {self.cv}; a number from 0 to 5 is needed")


class SrdPoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds of one SRD step that computes ``active_share`` of the latent."""

    active_share: float
    mean_s: float

    def __post_init__(self) -> None:
        if not 0 < self.active_share <= 1:
            raise ValueError(f"active_share is {self.active_share}; a share in (0, 1] is needed")
        if not (math.isfinite(self.mean_s) and self.mean_s >= 0):
            raise ValueError(f"mean_s is {self.mean_s}; a finite number >= 0 is needed")


class TierRate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast latents move between a tier and the GPU."""

    load_bytes_per_s: float
    store_bytes_per_s: float
    latency_s: float = 0.0
    source: Source = "assumed"

    def __post_init__(self) -> None:
        for name in ("load_bytes_per_s", "store_bytes_per_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; a finite number > 0 is needed")
        if not (math.isfinite(self.latency_s) and self.latency_s >= 0):
            raise ValueError(f"latency_s is {self.latency_s}; a finite number >= 0 is needed")


#: A server that adds nothing to its stages, or one that was never measured.
NO_OVERHEAD = StageTime(mean_s=0.0)


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stage costs of ``model`` for clips of one shape on ``device``.

    ``full_step`` is one denoising step of the whole latent, with both forward passes where
    ``guidance`` is above 1. ``srd_step`` is a curve over the active share; between points it is
    read linearly, below the first point as the first point. Every ``srd_full_every`` SRD steps one
    is computed in full (it refreshes the keys and values of the rest). ``tgaa_share`` is what TGAA
    adds to a step, as a share of it. ``server`` is what a server adds to each computed request on
    its worker outside all stages. ``steps`` and ``guidance`` apply to requests that state none.

    ``srd_cv`` is how SRD steps vary between requests planned alike, above all because a plan only
    forecasts the region's size; ``srd_samples`` requests told it. ``drift_cv`` is how all times
    vary between runs on the same machine; ``drift_runs`` runs told it.
    """

    schema: str = SCHEMA
    name: str
    model: str
    device: str
    source: Source
    height: int
    width: int
    frames: int
    steps: int
    guidance: float
    text_encode: StageTime
    embed: StageTime
    lookup: StageTime
    full_step: StageTime
    srd_step: tuple[SrdPoint, ...]
    srd_full_every: int
    tgaa_share: float
    vae_decode: StageTime
    video_encode: StageTime
    tiers: dict[str, TierRate]
    latent_bytes: int
    result_bytes: int
    server: StageTime = NO_OVERHEAD
    srd_cv: float = 0.0
    srd_samples: int = 0
    drift_cv: float = 0.0
    drift_runs: int = 0
    date: str = ""
    versions: dict[str, str] = {}
    note: str = ""

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"schema is {self.schema!r}; {SCHEMA!r} is needed")
        names = ("height", "width", "frames", "steps", "srd_full_every")
        for name in (*names, "latent_bytes", "result_bytes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; a number > 0 is needed")
        if not (math.isfinite(self.guidance) and self.guidance >= 0):
            raise ValueError(f"guidance is {self.guidance}; a finite number >= 0 is needed")
        if not (math.isfinite(self.tgaa_share) and self.tgaa_share >= 0):
            raise ValueError(f"tgaa_share is {self.tgaa_share}; a finite number >= 0 is needed")
        for name in ("srd_cv", "drift_cv"):
            if not (math.isfinite(getattr(self, name)) and 0 <= getattr(self, name) <= MOST_CV):
                raise ValueError(f"{name} is {getattr(self, name)}; a number from 0 to 5 is needed")
        shares = [point.active_share for point in self.srd_step]
        if not shares or shares != sorted(set(shares)):
            raise ValueError("srd_step needs at least one point, active shares rising")
        if not self.tiers:
            raise ValueError("tiers is empty; at least one tier is needed")

    @property
    def guided(self) -> bool:
        """Tell whether a step runs the model twice (classifier-free guidance)."""
        return self.guidance > 1

    def rate_of(self, tier: str) -> TierRate:
        """Return how fast latents move to and from ``tier``. Raises ``ProfileError``."""
        if tier not in self.tiers:
            raise ProfileError(
                f"{self.name}: no transfer rate for tier {tier!r}; "
                f"it has {', '.join(sorted(self.tiers))}"
            )
        return self.tiers[tier]

    def srd_step_s(self, active_share: float) -> float:
        """Return the mean seconds of one SRD step computing ``active_share`` of the latent."""
        points = self.srd_step
        if active_share <= points[0].active_share:
            return points[0].mean_s
        for low, high in pairwise(points):
            if active_share <= high.active_share:
                part = (active_share - low.active_share) / (high.active_share - low.active_share)
                return low.mean_s + part * (high.mean_s - low.mean_s)
        return points[-1].mean_s


def read_profile(path: Path) -> Profile:
    """Read a profile file. Raises ``ProfileError`` in one line on anything it cannot use."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_profile(content, str(path))


def decode_profile(content: bytes, where: str) -> Profile:
    """Return the profile in a file's content; ``where`` names it. Raises ``ProfileError``."""
    try:
        return msgspec.json.decode(content, type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{where}: not a profile of schema {SCHEMA}: {error}") from error


def write_profile(profile: Profile, path: Path) -> None:
    """Write a profile file, indented, keys in their declared order."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")
