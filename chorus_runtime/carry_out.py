"""Carries a plan out on a model, and falls back where its donor cannot serve.

The ladder: what the plan says; full reuse alone where the donor lacks the step latents SRD needs;
full compute where the donor cannot be read or does not fit. Every step down is named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import torch

from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_runtime.alignment.compare import Comparer
from chorus_runtime.alignment.tokens import token_emphasis
from chorus_runtime.asked import Asked
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.models.video_model import EncodedText, VideoModel
from chorus_runtime.observer import StepDone
from chorus_runtime.share import Sharer, Sharing
from chorus_runtime.store.flying import Flying
from chorus_runtime.store.kept import Kept
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What was done: the plan carried out, its donor, and why it is not the plan asked for.

    ``spoilt`` tells that the donor cannot serve and should be dropped.
    """

    generated: Generated
    plan: Plan
    donor: Kept | Flying | None
    fallback: str
    spoilt: bool


class Carrier:
    """Runs requests on ``model``; ``comparer`` says what is new in a prompt.

    ``recorded`` returns the first and last step whose latents are to be recorded, from the number
    of steps and the first one computed. ``read`` returns an entry by its key. Where SRD may be
    ``renoised``, a donor whose run finished since its plan was made serves without step latents.
    """

    def __init__(
        self,
        model: VideoModel,
        comparer: Comparer,
        recorded: Callable[[int, int], tuple[int, int]],
        read: Callable[[int], Kept | Flying],
        *,
        renoised: bool,
    ) -> None:
        self._model = model
        self._comparer = comparer
        self._recorded = recorded
        self._read = read
        self._renoised = renoised

    def run(self, asked: Asked, text: EncodedText, plan: Plan, sharing: Sharing) -> Carried:
        """Carry ``plan`` out. Raises ``EngineError`` where full compute fails as well."""
        asked_for, wanted = plan, plan
        donor: Kept | Flying | None = None
        spoilt, fallback = False, ""
        if not isinstance(plan, Fresh):
            try:
                with asked.watch.stage("load"):
                    donor = self._read(plan.donor).on(self._model.device)
                asked_for = self._since_finished(plan, donor)
                wanted = _fitting(asked_for, donor)
            except EngineError as error:
                wanted, spoilt = Fresh(reason=f"donor {plan.donor}: {error}"), True
            if wanted is not asked_for:
                fallback = wanted.reason
            if isinstance(wanted, Fresh):
                donor = None
        seen = _Counter(asked.observer)
        try:
            generated = self._generated(asked, text, wanted, donor, seen, sharing)
        except EngineError as error:
            if isinstance(wanted, Fresh) or seen.steps:
                raise
            fallback = f"donor {wanted.donor}: {error}"
            wanted, spoilt, donor = Fresh(reason=fallback), True, None
            generated = self._generated(asked, text, wanted, donor, seen, sharing)
        asked.notes.extend(generated.facts.notes)
        return Carried(
            generated=generated,
            plan=wanted,
            donor=donor,
            fallback=fallback,
            spoilt=spoilt,
        )

    def _since_finished(self, plan: Plan, donor: Kept | Flying) -> Plan:
        """Return ``plan`` over renoised latents if the run it meant to read has just finished."""
        if self._renoised and isinstance(plan, Regional) and isinstance(donor, Kept):
            return msgspec.structs.replace(plan, renoised=True)
        return plan

    def _generated(
        self,
        asked: Asked,
        text: EncodedText,
        plan: Plan,
        donor: Kept | Flying | None,
        seen: Callable[[StepDone], None],
        sharing: Sharing,
    ) -> Generated:
        shape, k1 = asked.shape, 0
        if isinstance(plan, Resume | Regional):
            k1 = plan.k1
        first, last = self._recorded(shape.steps, k1)
        timing = self._model.timing(shape)
        emphasis, amplification = self._emphasis(asked, text, plan, donor)
        generation = Generation(
            latent_shape=self._model.latent_shape(shape),
            text_states=text.text,
            negative_states=text.negative,
            plan=plan,
            steps=shape.steps,
            seed=asked.seed,
            guidance=shape.guidance if asked.guided else 1.0,
            donor=None if donor is None else donor.donor(),
            emphasis=emphasis,
            amplification=amplification,
            sigmas=timing.sigmas,
            mu=timing.mu,
            # The finished latent is kept in any case.
            record_steps=range(first, min(last, shape.steps - 1) + 1),
            observer=seen,
        )
        step = sharing.step_of(plan)
        if step is not None:
            sigmas = self._model.engine.solver(generation).sigmas
            noise_seed = asked.seed if donor is None else donor.facts.noise_seed
            publish = partial(sharing.publish, plan, sigmas, noise_seed)
            sharer = Sharer(step, publish, seen)
            generation = replace(generation, observer=sharer, shared_step=step)
        try:
            with asked.watch.stage("denoise"):
                return self._model.engine.generate(generation)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"the device ran out of memory for {shape.width}x{shape.height} with "
                f"{shape.frames} frames; ask for less, or lower keys_values_budget_bytes"
            ) from error

    def _emphasis(
        self, asked: Asked, text: EncodedText, plan: Plan, donor: Kept | Flying | None
    ) -> tuple[torch.Tensor | None, float | None]:
        """Return which tokens TGAA amplifies, and by what factor if not the plan's."""
        if not isinstance(plan, Resume | Regional) or plan.amplification <= 1 or donor is None:
            return None, None
        if text.offsets is None:
            asked.notes.append("the tokenizer does not tell where tokens stand: TGAA is off")
            return None, 1.0
        emphases = self._comparer.compare(text.prompt, donor.facts.prompt)
        return token_emphasis(emphases, text.offsets, text.text.states.shape[1]), None


class _Counter:
    """Tells an observer of each step, and counts them."""

    def __init__(self, observer: Callable[[StepDone], None]) -> None:
        self._observer = observer
        self.steps = 0

    def __call__(self, done: StepDone) -> None:
        self.steps += 1
        self._observer(done)


def _fitting(plan: Plan, donor: Kept | Flying) -> Plan:
    """Return ``plan``, or the most of it that the donor's latents allow."""
    if not isinstance(plan, Regional) or plan.renoised:
        return plan
    if all(donor.has_step(step) for step in range(plan.k1, plan.k2 + 1)):
        return plan
    reason = "the donor's step latents are gone"
    if plan.k1 == 0:
        return Fresh(reason=reason)
    return Resume(
        donor=plan.donor,
        similarity=plan.similarity,
        k1=plan.k1,
        amplification=plan.amplification,
        reason=reason,
    )
