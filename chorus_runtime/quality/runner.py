"""Runs one pair: the donor once, full compute once, then every mode from the same donor.

The donor's latents are rounded to the store's type, so that what is measured is what is served.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.plan import Fresh, Plan, Regional
from chorus_runtime.alignment.compare import DiffComparer
from chorus_runtime.alignment.tokens import token_emphasis
from chorus_runtime.clock import Clock, Stopwatch, cpu_time
from chorus_runtime.donor import Donor
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, VideoModel
from chorus_runtime.quality.text_pairs import Prompted
from chorus_runtime.store.kept import LATENT_DTYPE

_FRESH = Fresh(reason="full compute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: its clip ``(frames, height, width, 3)`` in [0, 1], and CPU seconds of denoising."""

    generated: Generated
    clip: torch.Tensor
    denoise_s: float


class PairRunner:
    """Everything one pair needs: both texts, what differs, and the donor's latents.

    ``donor_run`` and ``full_run`` are computed when the runner is made. ``renoised`` makes the
    donor's latents from its final one and the seed.
    """

    def __init__(
        self, model: VideoModel, shape: Shape, pair: Prompted, *, renoised: bool = False
    ) -> None:
        self._model, self._shape, self._pair = model, shape, pair
        self._renoised = renoised
        guided = shape.guidance > 1
        old, self._new = (model.encode(text, None, guided=guided) for text in (pair.old, pair.new))
        # What the tokens stand in: a pipeline may have cleaned the text.
        emphases = DiffComparer().compare(self._new.prompt, old.prompt)
        self._emphasis = token_emphasis(
            emphases, self._new.offsets or (), self._new.text.states.shape[1]
        )
        every = range(shape.steps + 1)
        self.donor_run = self._run(old, _FRESH, record=every)
        self._donor = (
            _compact(self.donor_run.generated, pair.seed)
            if renoised
            else _rounded(self.donor_run.generated)
        )
        self.full_run = self._run(self._new, _FRESH)

    def reuse(self, plan: Plan, factor: float) -> Run:
        """Carry ``plan`` out for the new prompt; ``factor`` is TGAA's, 1 switches it off."""
        if isinstance(plan, Regional):
            plan = msgspec.structs.replace(plan, renoised=self._renoised)
        return self._run(self._new, plan, donor=self._donor, factor=factor)

    def _run(
        self,
        text: EncodedText,
        plan: Plan,
        *,
        donor: Donor | None = None,
        factor: float = 1.0,
        record: Sequence[int] = (),
    ) -> Run:
        model, shape = self._model, self._shape
        timing = model.timing(shape)
        generation = Generation(
            latent_shape=model.latent_shape(shape),
            text_states=text.text,
            negative_states=text.negative,
            plan=plan,
            steps=shape.steps,
            seed=self._pair.seed,
            guidance=shape.guidance,
            donor=donor,
            emphasis=self._emphasis if factor > 1 else None,
            amplification=factor,
            sigmas=timing.sigmas,
            mu=timing.mu,
            record_steps=record,
        )
        with cpu_time():
            watch = Stopwatch(Clock(), model.device)
        with watch.stage("denoise"):
            generated = model.engine.generate(generation)
        clip = torch.from_numpy(model.decode(generated.latents, "np")[0])
        return Run(generated=generated, clip=clip, denoise_s=watch.seconds["denoise"])


def with_steps(shape: Shape, steps: int) -> Shape:
    """Return the shape with another number of steps."""
    return Shape(
        model=shape.model,
        height=shape.height,
        width=shape.width,
        frames=shape.frames,
        steps=steps,
        guidance=shape.guidance,
    )


def _compact(generated: Generated, seed: int) -> Donor:
    return Donor(finished=generated.latents.to(LATENT_DTYPE), seed=seed)


def _rounded(generated: Generated) -> Donor:
    donor = generated.trajectory.donor()
    rounded = {sigma: latent.to(LATENT_DTYPE) for sigma, latent in donor.latents.items()}
    return replace(donor, latents=rounded)
