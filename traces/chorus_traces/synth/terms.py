"""Terms: what a session asks for besides its text - size, steps, seed, image, negative prompt."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from chorus_traces.synth.chance import Uniform, pick, uniforms
from chorus_traces.synth.spec import SynthSpec
from chorus_traces.synth.vocabulary import vocabulary

_SEED_LIMIT = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Fields that the requests of one session share; ``pinned`` says whether it states seeds."""

    negative_prompt: str | None
    conditioning: str | None
    height: int
    width: int
    steps: int
    guidance: float
    pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsDrawer:
    """Draws ``Terms`` and seeds from one uniform stream."""

    spec: SynthSpec
    uniform: Uniform
    negatives: tuple[str, ...]

    def __call__(self) -> Terms:
        """Return the terms of the next session."""
        spec, uniform = self.spec, self.uniform
        negative = pick(self.negatives, uniform) if uniform() < spec.negative_share else None
        image = self.image() if uniform() < spec.conditioning_share else None
        hd = uniform() < spec.hd_share
        distilled = uniform() < spec.distilled_share
        return Terms(
            negative_prompt=negative,
            conditioning=image,
            height=720 if hd else 480,
            width=1280 if hd else 832,
            steps=4 if distilled else spec.steps,
            guidance=1.0 if distilled else spec.guidance,
            pinned=uniform() < spec.seed_share,
        )

    def image(self) -> str:
        """Return the digest of an image nobody else sends."""
        return sha256(repr(self.uniform()).encode()).hexdigest()

    def seed(self) -> int:
        """Return a seed."""
        return int(self.uniform() * _SEED_LIMIT)


def make_terms_drawer(spec: SynthSpec, rng: np.random.Generator) -> TermsDrawer:
    """Return a drawer that takes its chance from ``rng``."""
    return TermsDrawer(spec=spec, uniform=uniforms(rng), negatives=vocabulary().negatives)
