"""The engine: carries out a plan on a video transformer and says what it did.

Everything else calls ``Engine.generate``. A request goes through it in this order: check what was
asked (``generation``), lay out the steps (``steps``), find the donor's latents by sigma
(``donor``), run the loop (``denoise``) with the attention processors in place (``attention``),
report (``facts``).
"""

from contextlib import ExitStack
from threading import Lock
from typing import Any

import torch

from chorus_policies.plan import Regional
from chorus_runtime.adapters.adapter import Adapter
from chorus_runtime.adapters.choose import adapter_for
from chorus_runtime.amplification import amplification_of
from chorus_runtime.attention.directive import Capture
from chorus_runtime.attention.install import installed
from chorus_runtime.attention.state import AttentionState
from chorus_runtime.denoise import Denoiser, Job, Srd
from chorus_runtime.donor import DonorPath
from chorus_runtime.facts import facts_of
from chorus_runtime.generated import Generated, Trajectory
from chorus_runtime.generation import Generation
from chorus_runtime.grid import TokenGrid
from chorus_runtime.guided import Expert, Guided
from chorus_runtime.masks.finder import RegionFinder
from chorus_runtime.masks.score import Segmenter
from chorus_runtime.noise import seeded_noise
from chorus_runtime.settings import EngineSettings
from chorus_runtime.solver import Solver
from chorus_runtime.steps import step_schedule
from chorus_runtime.variant import Variant, choose_variant, keys_values_bytes
from chorus_traces.errors import EngineError

_DEFAULTS = EngineSettings()


class Engine:
    """Runs plans on one transformer, or on the two experts of Wan 2.2.

    ``scheduler`` is the pipeline's and stays as it is. ``transformer_2`` takes the timesteps below
    ``boundary_ratio`` of the training schedule. ``per_token_timesteps`` is Wan 2.2's
    ``expand_timesteps``. ``device`` is where latents live, ``None`` for where the model's weights
    are (with offloading: the device they are moved to). One request runs at a time; others wait.
    Raises ``EngineError`` for models and schedulers that are not supported.
    """

    def __init__(
        self,
        transformer: Any,
        scheduler: Any,
        *,
        settings: EngineSettings = _DEFAULTS,
        transformer_2: Any = None,
        boundary_ratio: float | None = None,
        per_token_timesteps: bool = False,
        segmenter: Segmenter | None = None,
        device: torch.device | None = None,
    ) -> None:
        if (transformer_2 is None) != (boundary_ratio is None):
            raise EngineError("transformer_2 and boundary_ratio belong together; give both or none")
        models = [transformer] if transformer_2 is None else [transformer, transformer_2]
        self.adapters: tuple[Adapter, ...] = tuple(
            adapter_for(model, per_token_timesteps=per_token_timesteps) for model in models
        )
        self.settings = settings
        self._stated_device = device
        self._scheduler = scheduler
        self._boundary_ratio = boundary_ratio
        self._segmenter = segmenter
        self._lock = Lock()

    @property
    def _device(self) -> torch.device:
        return self._stated_device or self.adapters[0].model.device

    def generate(self, generation: Generation) -> Generated:
        """Carry out ``generation`` and return the finished latent with what was done.

        Effects: none on the models once it returns or raises. Raises ``EngineError`` when the plan
        cannot be carried out as it is: a copy, a donor that lacks a latent at a needed sigma, of
        another shape or damaged, tokens to amplify that nobody named, or a model that returns
        numbers that are not finite.
        """
        with self._lock, torch.no_grad():
            return self._generate(generation)

    def solver(self, generation: Generation) -> Solver:
        """Return the solver of a request: its ``sigmas`` tell which donor steps match."""
        timing = generation.sigmas, generation.mu
        return Solver(self._scheduler, generation.steps, self._device, *timing)

    def _generate(self, generation: Generation) -> Generated:
        settings, steps = self.settings, generation.steps
        solver = self.solver(generation)
        grid = self.adapters[0].grid(generation.latent_shape)
        self._check_text(generation)
        k1, k2 = generation.reused_steps()
        experts = self._experts_by_step(solver, steps)
        variant = self._variant(generation, grid.tokens)
        switches = [step for step in range(k1 + 1, k2) if experts[step] != experts[step - 1]]
        schedule = step_schedule(
            generation.plan,
            steps,
            settings.refresh_every,
            switches if variant == "stale_kv" else (),
        )
        path = self._path(generation, solver)
        amplification = amplification_of(generation, settings, self._emphasis(generation))
        maps = generation.map_groups
        job = Job(
            schedule=schedule,
            k1=k1,
            k2=k2,
            grid=grid,
            experts=experts,
            srd=None if path is None else self._srd(generation, path, variant, grid),
            amplification=amplification,
            maps=None if maps is None else self._capture(maps),
            map_steps=generation.map_steps,
            keep=generation.record_steps,
            may_skip=settings.skip.threshold > 0,
            observer=generation.observer,
        )
        guided = self._guided(generation)
        with ExitStack() as stack:
            if job.srd is not None or amplification is not None or job.maps is not None:
                for expert in guided.experts:
                    pairs = expert.adapter.processors(expert.state)
                    stack.enter_context(installed(pairs, expert.state))
            start = (
                seeded_noise(generation.latent_shape, generation.seed, self._device)
                if path is None
                else path.at(solver.sigmas[k1])
            )
            outcome = Denoiser(job, guided, solver).run(start)
        if not bool(torch.isfinite(outcome.latents).all()):
            raise EngineError("the model returned numbers that are not finite; nothing was made")
        return Generated(
            latents=outcome.latents,
            trajectory=Trajectory(latents=outcome.kept, sigmas=solver.sigmas),
            region=outcome.region,
            maps=outcome.maps,
            facts=facts_of(generation, job, guided, outcome, path),
        )

    def _check_text(self, generation: Generation) -> None:
        width = self.adapters[0].sizes().text_width
        for text in (generation.text_states, generation.negative_states):
            if text is not None and text.states.shape[2] != width:
                raise EngineError(
                    f"text states are {text.states.shape[2]} wide; the model takes {width}"
                )

    def _experts_by_step(self, solver: Solver, steps: int) -> tuple[int, ...]:
        """Return the expert of each step: 0 at high noise, 1 below the boundary."""
        if self._boundary_ratio is None:
            return (0,) * steps
        boundary = self._boundary_ratio * solver.training_steps
        return tuple(int(float(solver.timestep(step)) < boundary) for step in range(steps))

    def _variant(self, generation: Generation, tokens: int) -> Variant:
        settings, model = self.settings, self.adapters[0].model
        if settings.variant != "auto":
            return settings.variant
        branches = 2 if generation.is_guided else 1
        dtype = settings.keys_values_dtype or model.dtype
        needed = keys_values_bytes(
            self.adapters[0].sizes(), tokens, generation.batch * branches, dtype.itemsize
        )
        budget = settings.keys_values_budget_bytes
        if self._device.type == "cuda":
            budget = min(budget, torch.cuda.mem_get_info(self._device)[0])
        return choose_variant(needed, budget)

    def _path(self, generation: Generation, solver: Solver) -> DonorPath | None:
        """Return the donor's latents at the sigmas the plan reads, ``None`` for a fresh run."""
        if generation.donor is None:
            return None
        k1, k2 = generation.reused_steps()
        plan = generation.plan
        return DonorPath(
            generation.donor,
            solver.sigmas[k1 : k2 + 1],
            generation.latent_shape,
            self._device,
            renoise=k1 == k2 or (isinstance(plan, Regional) and plan.renoised),
        )

    def _srd(
        self, generation: Generation, path: DonorPath, variant: Variant, grid: TokenGrid
    ) -> Srd | None:
        plan, donor = generation.plan, generation.donor
        if not isinstance(plan, Regional) or plan.k1 == plan.k2 or donor is None:
            return None
        finder = RegionFinder(
            settings=self.settings.mask,
            share=plan.active_share,
            grid=grid,
            path=path,
            donor=donor,
            emphasis=self._emphasis(generation),
            segmenter=self._segmenter,
        )
        return Srd(
            path=path, finder=finder, variant=variant, context_every=self.settings.context_every
        )

    def _emphasis(self, generation: Generation) -> torch.Tensor | None:
        emphasis = generation.emphasis
        return None if emphasis is None else emphasis.to(self._device)

    def _capture(self, groups: torch.Tensor) -> Capture:
        """Return the order to map groups in the later half of the layers."""
        layers = self.adapters[0].sizes().layers
        return Capture(groups=groups.to(self._device), layers=frozenset(range(layers // 2, layers)))

    def _guided(self, generation: Generation) -> Guided:
        settings = self.settings
        experts = [
            Expert(
                adapter=adapter,
                state=AttentionState(settings.keys_values_dtype),
                guidance=guidance,
            )
            for adapter, guidance in zip(self.adapters, generation.guidances, strict=False)
        ]
        return Guided(
            experts,
            generation.text(self._device),
            generation.negative(self._device),
            batched=settings.guidance_passes == "batched",
            skip=settings.skip,
        )
