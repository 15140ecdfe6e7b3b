"""Times of denoising steps, taken inside real runs of the engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.plan import Fresh, Plan, Regional
from chorus_runtime.clock import Marks
from chorus_runtime.donor import Donor
from chorus_runtime.generation import Generation
from chorus_runtime.masks.region import MaskSettings
from chorus_runtime.models.video_model import EncodedText, VideoModel
from chorus_runtime.noise import seeded_noise
from chorus_runtime.observer import StepDone
from chorus_runtime.profile.sample import Sample, sample_of
from chorus_traces.errors import EngineError

#: Regions of exactly the share asked for, wherever they lie.
_EXACT = MaskSettings(threshold="share", cells=(1,), dilation=0, cap=1.0)

#: No refresh within a run: only the first step is computed in full.
_NEVER = 10**6

_FRESH = Fresh(reason="profile")

#: Emphasised tokens and factor of TGAA; its cost depends on neither.
_EMPHASISED, _FACTOR = 4, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SrdSample:
    """Timings of SRD steps over ``active_share`` of the latent, as it really was."""

    active_share: float
    sample: Sample


class StepTimer:
    """Runs ``model`` on clips of ``shape``; every figure comes from ``repeats`` steps."""

    def __init__(self, model: VideoModel, shape: Shape, repeats: int) -> None:
        self._model = model
        self._shape = shape
        self._repeats = repeats
        self._latent_shape = model.latent_shape(shape)
        prompt = "a red circle moving left"
        self._texts = {
            guided: model.encode(prompt, None, guided=guided) for guided in (False, True)
        }

    def full(self, guidance: float) -> Sample:
        """Return the time of a step of the whole latent."""
        return sample_of(self._run(_FRESH, guidance)[0])

    def amplified_share(self, guidance: float) -> float:
        """Return what TGAA adds to a step, as a share of it; runs with and without alternate."""
        without, amplified = [], []
        for _ in range(3):
            without += self._run(_FRESH, guidance)[0]
            amplified += self._run(_FRESH, guidance, amplified=True)[0]
        ratio = sample_of(amplified).median_s / sample_of(without).median_s
        return max(0.0, ratio - 1)

    def srd(self, share: float, guidance: float) -> SrdSample:
        """Return the time of an SRD step that computes ``share`` of the latent."""
        steps = self._repeats + 2
        plan = Regional(
            donor=0,
            similarity=1.0,
            k1=0,
            k2=steps,
            active_share=share,
            amplification=1.0,
            reason="profile",
        )
        with self._exact_regions():
            seconds, active = self._run(plan, guidance)
        if not 0 < active <= 1:
            raise EngineError(
                f"no region of {share:.0%} came about, so its cost cannot be measured: does the "
                "model return the same everywhere?"
            )
        return SrdSample(active_share=active, sample=sample_of(seconds))

    def _run(
        self, plan: Plan, guidance: float, *, amplified: bool = False
    ) -> tuple[list[float], float]:
        """Return the seconds of each step but the first two, and the active share.

        The first yields the region, and both prime what comes after them.
        """
        steps = self._repeats + 2
        text = self._texts[guidance > 1]
        timing = self._model.timing(replace_steps(self._shape, steps))
        marks = Marks(self._model.device)
        generation = Generation(
            latent_shape=self._latent_shape,
            text_states=text.text,
            negative_states=text.negative,
            plan=_FRESH,
            steps=steps,
            seed=0,
            guidance=guidance if guidance > 1 else 1.0,
            sigmas=timing.sigmas,
            mu=timing.mu,
            emphasis=_emphasis(text) if amplified else None,
            amplification=_FACTOR if amplified else None,
            observer=_marker(marks),
        )
        if isinstance(plan, Regional):
            sigmas = self._model.engine.solver(generation).sigmas
            generation = replace(generation, plan=plan, donor=self._donor(sigmas))
        made = self._model.engine.generate(generation)
        return marks.intervals()[1:], made.facts.active_share

    def _donor(self, sigmas: tuple[float, ...]) -> Donor:
        """Return a donor with one latent for every sigma: what it shows does not matter."""
        latent = seeded_noise(self._latent_shape, 1, self._model.device)
        return Donor(latents=dict.fromkeys(sigmas, latent))

    @contextmanager
    def _exact_regions(self) -> Iterator[None]:
        engine = self._model.engine
        before = engine.settings
        engine.settings = replace(before, mask=_EXACT, refresh_every=_NEVER)
        try:
            yield
        finally:
            engine.settings = before


def replace_steps(shape: Shape, steps: int) -> Shape:
    """Return the shape with another number of steps."""
    return Shape(
        model=shape.model,
        height=shape.height,
        width=shape.width,
        frames=shape.frames,
        steps=steps,
        guidance=shape.guidance,
    )


def _emphasis(text: EncodedText) -> torch.Tensor:
    emphasis = torch.zeros(1, text.text.states.shape[1])
    emphasis[0, :_EMPHASISED] = 1.0
    return emphasis


def _marker(marks: Marks) -> Callable[[StepDone], None]:
    def mark(done: StepDone) -> None:
        del done
        marks.mark()

    return mark
