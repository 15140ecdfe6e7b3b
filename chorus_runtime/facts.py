"""What a run did, counted: the numbers every report about the runtime starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chorus_runtime.denoise import Job, Outcome
from chorus_runtime.donor import DonorForm, DonorPath
from chorus_runtime.generation import Generation
from chorus_runtime.guided import Guided, pass_flops
from chorus_runtime.steps import StepKind
from chorus_runtime.variant import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was done, counted.

    ``steps`` counts steps by what was really done, ``tokens_of`` their tokens. ``tokens`` went
    through the blocks, once for each forward and latent; ``tokens_uncached`` would have without
    reuse; ``flops`` likewise, by formula. ``skipped_passes`` are forwards whose blocks the step
    skip left out. ``active_share`` is the region's, 0 where SRD did not happen. ``variant`` is what
    SRD ran, ``none`` where there was none. ``amplification`` is the largest factor, 1 where TGAA
    was off. ``notes`` say in words where the run left its plan.
    """

    steps: Mapping[StepKind, int]
    tokens_of: Mapping[StepKind, int]
    tokens: int
    tokens_uncached: int
    flops: float
    flops_uncached: float
    skipped_passes: int
    active_share: float
    variant: Literal["none"] | Variant
    donor_form: DonorForm
    amplification: float
    keys_values_bytes: int
    notes: tuple[str, ...]

    @property
    def token_share(self) -> float:
        """Tokens computed, as a share of those without reuse."""
        return self.tokens / self.tokens_uncached

    @property
    def flop_share(self) -> float:
        """FLOPs computed, as a share of those without reuse."""
        return self.flops / self.flops_uncached


def facts_of(
    generation: Generation, job: Job, guided: Guided, outcome: Outcome, path: DonorPath | None
) -> Facts:
    """Return the facts of a finished job."""
    spent, tokens = guided.spent, job.grid.tokens
    passes = sum(
        generation.batch * (2 if generation.guidances[expert] > 1 else 1) for expert in job.experts
    )
    text_tokens = generation.text_states.states.shape[1]
    whole = pass_flops(guided.experts[0].adapter, tokens, tokens, text_tokens)
    factor = 1.0 if job.amplification is None else job.amplification.largest
    return Facts(
        steps=outcome.executed,
        tokens_of=outcome.tokens_of,
        tokens=spent.tokens,
        tokens_uncached=passes * tokens,
        flops=spent.flops,
        flops_uncached=passes * whole,
        skipped_passes=spent.skipped_passes,
        active_share=0.0 if outcome.region is None else outcome.region.share,
        variant="none" if job.srd is None else job.srd.variant,
        donor_form="none" if path is None else path.form,
        amplification=factor,
        keys_values_bytes=spent.keys_values_bytes,
        notes=outcome.notes,
    )
