"""The denoising loop over a step schedule: full reuse, SRD, repair.

    latent of the donor at k1
      k1       one full step, amplified: keeps keys and values, yields the mask
      .. k2    the region alone; outside it the donor's latent of the same sigma, bit for bit
      .. end   everything, plainly

A mask that is too large turns SRD into full steps; an empty one (nothing differs) takes the
donor's latents as they are.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch

from chorus_runtime.amplification import Amplification
from chorus_runtime.attention.directive import Capture, Directive, KeysValues
from chorus_runtime.blend import blend
from chorus_runtime.donor import DonorPath
from chorus_runtime.grid import TokenGrid
from chorus_runtime.guided import Expert, Guided, Skipping
from chorus_runtime.masks.finder import RegionFinder
from chorus_runtime.masks.region import Region
from chorus_runtime.observer import StepDone
from chorus_runtime.solver import Solver
from chorus_runtime.steps import Step, StepKind
from chorus_runtime.variant import Variant, with_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Srd:
    """What selective region denoising of one request needs."""

    path: DonorPath
    finder: RegionFinder
    variant: Variant
    context_every: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request, ready to run.

    ``experts`` names the expert of each step by its place. ``srd`` and ``amplification`` are
    ``None`` where the plan has no such stage. ``maps`` is what to map in the full steps
    ``map_steps``. ``keep`` are the steps whose latents (before the step) are recorded.
    """

    schedule: Sequence[Step]
    k1: int
    k2: int
    grid: TokenGrid
    experts: Sequence[int]
    srd: Srd | None
    amplification: Amplification | None
    maps: Capture | None
    map_steps: Collection[int]
    keep: Collection[int]
    may_skip: bool
    observer: Callable[[StepDone], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job. ``region`` is ``None`` where SRD did not happen.

    ``executed`` counts steps and ``tokens_of`` computed tokens by kind.
    """

    latents: torch.Tensor
    kept: dict[int, torch.Tensor]
    region: Region | None
    maps: torch.Tensor | None
    executed: dict[StepKind, int]
    tokens_of: dict[StepKind, int]
    notes: tuple[str, ...]


class Denoiser:
    """Runs one job; used once."""

    def __init__(self, job: Job, guided: Guided, solver: Solver) -> None:
        self._job = job
        self._guided = guided
        self._solver = solver
        self._region: Region | None = None
        self._without_srd = job.srd is None
        self._mapped: list[torch.Tensor] = []
        self._notes: list[str] = []

    def run(self, start: torch.Tensor) -> Outcome:
        """Denoise ``start``, the latent before step k1 (or before step 0), to the end."""
        job, latents = self._job, start
        kept: dict[int, torch.Tensor] = {}
        executed: dict[StepKind, int] = {"skip": job.k1, "record": 0, "region": 0, "full": 0}
        tokens_of: dict[StepKind, int] = dict.fromkeys(executed, 0)
        for step in job.schedule[job.k1 :]:
            if step.number in job.keep:
                kept[step.number] = latents.clone()
            if step.number == job.k1 or (step.number == job.k2 and self._region is not None):
                self._solver.restart(step.number)
            spent = self._guided.spent
            before, whole_before = spent.tokens, spent.whole_tokens
            kind, latents = self._act(step, latents)
            computed, whole = spent.tokens - before, spent.whole_tokens - whole_before
            executed[kind] += 1
            tokens_of[kind] += computed
            share = computed / whole if whole else 0.0
            done = StepDone(number=step.number, kind=kind, share=share, latents=latents, kept=kept)
            job.observer(done)
        if len(job.schedule) in job.keep:
            kept[len(job.schedule)] = latents.clone()
        return Outcome(
            latents=latents,
            kept=kept,
            region=self._region,
            maps=torch.stack(self._mapped).mean(0) if self._mapped else None,
            executed=executed,
            tokens_of=tokens_of,
            notes=tuple(self._notes),
        )

    def _act(self, step: Step, latents: torch.Tensor) -> tuple[StepKind, torch.Tensor]:
        """Return what was done at a step, and the latent after it."""
        number, srd = step.number, self._job.srd
        if step.kind == "full" or self._without_srd or srd is None:
            return "full", self._solver.step(self._full(number, latents), number, latents)
        donor = srd.path.at(self._solver.sigmas[number + 1])
        if self._region is not None and not self._region.index.numel():
            return step.kind, donor
        if step.kind == "record":
            velocity = self._record(number, latents, srd)
        else:
            velocity = self._regional(number, latents, srd)
        following = self._solver.step(velocity, number, latents)
        if self._region is None:
            return step.kind, following
        return step.kind, blend(following, donor, self._region, self._job.grid)

    def _full(self, number: int, latents: torch.Tensor) -> torch.Tensor:
        """Return the velocity of a plain step."""
        capture = self._maps_at(number)
        skipping: Skipping = "off"
        if self._job.may_skip:
            last = number == len(self._job.schedule) - 1
            skipping = "must_compute" if last or capture is not None else "allowed"
        velocity = self._velocity(number, latents, skipping=skipping, capture=capture)
        if capture is not None:
            self._mapped.append(self._take_map(number, latents))
        return velocity

    def _record(self, number: int, latents: torch.Tensor, srd: Srd) -> torch.Tensor:
        """Return the velocity of a step that keeps keys and values; the first finds the region."""
        asked = self._maps_at(number)
        groups = srd.finder.groups() if self._region is None else None
        capture = asked
        if groups is not None:
            parts = [groups] if asked is None else [asked.groups, groups]
            layers = self._late_layers(number) if asked is None else asked.layers
            capture = Capture(groups=torch.cat(parts, dim=1), layers=layers)
        for expert in self._guided.experts:
            expert.state.forget()
        keys_values: KeysValues = "record" if srd.variant == "stale_kv" else "off"
        velocity = self._velocity(number, latents, keys_values=keys_values, capture=capture)
        found = None
        if capture is not None:
            mapped = self._take_map(number, latents)
            if asked is not None:
                self._mapped.append(mapped[..., : asked.groups.shape[1]])
            found = mapped[..., -1:] if groups is not None else None
        if self._region is None:
            self._settle(number, srd, velocity, found, latents)
        return velocity

    def _regional(self, number: int, latents: torch.Tensor, srd: Srd) -> torch.Tensor:
        """Return the velocity of the region, zero outside it."""
        if self._region is None:
            return self._full(number, latents)
        index, tokens = self._region.index, self._job.grid.tokens
        if srd.variant == "context":
            index = with_context(index, tokens, srd.context_every)
        keys_values: KeysValues = "reuse" if srd.variant == "stale_kv" else "off"
        return self._velocity(number, latents, keys_values=keys_values, index=index)

    def _settle(
        self,
        number: int,
        srd: Srd,
        velocity: torch.Tensor,
        mapped: torch.Tensor | None,
        latents: torch.Tensor,
    ) -> None:
        """Find the region, or give SRD up where it is too large to be worth it."""
        sigmas = self._solver.sigmas
        region = srd.finder.find(velocity, mapped, latents, (sigmas[number], sigmas[number + 1]))
        cap = srd.finder.settings.cap
        if region.share > cap:
            self._without_srd = True
            self._notes.append(f"mask covers {region.share:.2f} > {cap:g}: computed in full")
            for expert in self._guided.experts:
                expert.state.forget()
            return
        if not region.index.numel():
            self._notes.append("mask is empty: nothing differs from the donor up to k2")
        self._region = region

    def _velocity(
        self,
        number: int,
        latents: torch.Tensor,
        *,
        keys_values: KeysValues = "off",
        index: torch.Tensor | None = None,
        capture: Capture | None = None,
        skipping: Skipping = "off",
    ) -> torch.Tensor:
        amplification = self._job.amplification
        bias = None if amplification is None else amplification.at(number, index, self._region)
        directive = Directive(keys_values=keys_values, index=index, bias=bias, capture=capture)
        expert, timestep = self._expert(number), self._solver.timestep(number)
        return self._guided.velocity(expert, latents, timestep, directive, skipping)

    def _expert(self, number: int) -> Expert:
        return self._guided.experts[self._job.experts[number]]

    def _maps_at(self, number: int) -> Capture | None:
        return self._job.maps if number in self._job.map_steps else None

    def _late_layers(self, number: int) -> frozenset[int]:
        """Return the later half of the layers: their maps lie closest to the objects."""
        layers = self._expert(number).adapter.sizes().layers
        return frozenset(range(layers // 2, layers))

    def _take_map(self, number: int, latents: torch.Tensor) -> torch.Tensor:
        """Return the prompt's map ``(batch, tokens, groups)`` of the forward just done."""
        return self._expert(number).state.take_map()[: latents.shape[0]]
