"""One request to the engine, checked as far as it can be without a model."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume, reused_steps
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.donor import Donor
from chorus_runtime.noise import Seeds
from chorus_runtime.observer import StepDone, nobody
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What to generate, and from what.

    ``latent_shape`` is ``(batch, channels, frames, height, width)``; text states are for the whole
    batch or for one prompt that all of it shares. ``guidance`` above 1 needs ``negative_states``;
    ``guidance_2`` is the second expert's, ``None`` for the same. ``seed`` draws the noise of a
    fresh run.

    ``emphasis``, ``(batch or 1, text tokens)`` in [0, 1], says which tokens TGAA amplifies, and
    ``amplification`` by what factor; ``None`` takes the plan's, and 1 where the plan has none.
    ``sigmas`` states a distilled schedule and ``mu`` a shift by resolution (see ``Solver``).
    ``record_steps`` are the steps whose latents are returned, each as it was before its step.
    ``map_groups``, ``(text tokens, groups)``, maps cross-attention in the full steps ``map_steps``.
    ``observer`` is told after each computed step; raising in it ends the run. It needs latents when
    the one before ``shared_step`` exists: an engine elsewhere sends it those and no others.
    """

    latent_shape: tuple[int, ...]
    text_states: TextStates
    plan: Plan
    steps: int
    seed: Seeds = 0
    negative_states: TextStates | None = None
    guidance: float = 1.0
    guidance_2: float | None = None
    donor: Donor | None = None
    emphasis: torch.Tensor | None = None
    amplification: float | None = None
    sigmas: tuple[float, ...] = ()
    mu: float | None = None
    record_steps: Collection[int] = ()
    map_groups: torch.Tensor | None = None
    map_steps: Collection[int] = ()
    observer: Callable[[StepDone], None] = nobody
    shared_step: int | None = None

    def __post_init__(self) -> None:
        for check in (self._check_plan, self._check_guidance, self._check_steps):
            check()
        for what, text in (("text", self.text_states), ("negative", self.negative_states)):
            if text is not None:
                _check_text(what, text, self.batch)
        self._check_emphasis()

    @property
    def batch(self) -> int:
        """Number of latents."""
        return self.latent_shape[0] if self.latent_shape else 0

    @property
    def guidances(self) -> tuple[float, float]:
        """Guidance of the first and of the second expert."""
        return (self.guidance, self.guidance if self.guidance_2 is None else self.guidance_2)

    @property
    def is_guided(self) -> bool:
        """Tell whether any expert runs both branches."""
        return max(self.guidances) > 1

    @property
    def largest_factor(self) -> float:
        """Largest factor TGAA puts on a token's attention weight; 1 is off."""
        if self.amplification is not None:
            return self.amplification
        return self.plan.amplification if isinstance(self.plan, Resume | Regional) else 1.0

    def reused_steps(self) -> tuple[int, int]:
        """Return k1 and k2 of the plan."""
        return reused_steps(self.plan)

    def text(self, device: torch.device) -> TextStates:
        """Return the prompts' states, one for each latent."""
        return _spread(self.text_states, self.batch, device)

    def negative(self, device: torch.device) -> TextStates | None:
        """Return the negative prompts' states where guidance reads them."""
        if self.negative_states is None or not self.is_guided:
            return None
        return _spread(self.negative_states, self.batch, device)

    def _check_plan(self) -> None:
        plan = self.plan
        if isinstance(plan, Copy):
            raise EngineError(
                "a copy is answered from the store; the engine computes nothing for it"
            )
        fresh = isinstance(plan, Fresh)
        if fresh != (self.donor is None):
            held = "has a donor it does not use" if fresh else "has no donor"
            raise EngineError(f"the request's plan is {type(plan).__name__}, but it {held}")
        k1, k2 = reused_steps(plan)
        if self.steps < 1 or not 0 <= k1 <= k2 <= self.steps:
            raise EngineError(
                f"k1 {k1}, k2 {k2} and {self.steps} steps; "
                "0 <= k1 <= k2 <= steps and at least one step are needed"
            )
        if isinstance(plan, Regional) and not 0 < plan.active_share <= 1:
            raise EngineError(f"active_share is {plan.active_share}; a share in (0, 1] is needed")

    def _check_guidance(self) -> None:
        if not all(math.isfinite(guidance) for guidance in self.guidances):
            raise EngineError(f"guidance is {self.guidances}; finite numbers are needed")
        if self.is_guided and self.negative_states is None:
            raise EngineError(
                f"guidance {max(self.guidances):g} needs the negative prompt's states"
            )
        if not (math.isfinite(self.largest_factor) and self.largest_factor >= 1):
            raise EngineError(
                f"amplification is {self.largest_factor}; a finite number >= 1 is needed"
            )

    def _check_steps(self) -> None:
        for what, steps in (("record_steps", self.record_steps), ("map_steps", self.map_steps)):
            outside = [step for step in steps if not 0 <= step <= self.steps]
            if outside:
                raise EngineError(f"{what} has {outside[0]}; 0 to {self.steps} are needed")
        if bool(self.map_steps) != (self.map_groups is not None):
            raise EngineError("map_groups and map_steps belong together; give both or none")
        tokens = self.text_states.states.shape[1]
        if self.map_groups is not None and self.map_groups.shape[0] != tokens:
            raise EngineError(
                f"map_groups has {self.map_groups.shape[0]} rows for {tokens} text tokens"
            )

    def _check_emphasis(self) -> None:
        if self.emphasis is None:
            return
        tokens = self.text_states.states.shape[1]
        if self.emphasis.shape not in ((1, tokens), (self.batch, tokens)):
            raise EngineError(
                f"emphasis has shape {tuple(self.emphasis.shape)}; ({self.batch} or 1, {tokens}) "
                "is needed"
            )
        if not bool(((self.emphasis >= 0) & (self.emphasis <= 1)).all()):
            raise EngineError("emphasis must lie in [0, 1]")


def _check_text(what: str, text: TextStates, batch: int) -> None:
    states, valid = text.states, text.valid
    if states.ndim != 3 or states.shape[0] not in (1, batch):
        raise EngineError(
            f"{what} states have shape {tuple(states.shape)}; ({batch} or 1, text tokens, width) "
            "is needed"
        )
    if valid.shape != states.shape[:2]:
        raise EngineError(
            f"{what} states are {tuple(states.shape)}, but valid is {tuple(valid.shape)}; "
            "one number for each token is needed"
        )


def _spread(text: TextStates, batch: int, device: torch.device) -> TextStates:
    """Return the states once for each latent, on the device."""
    return TextStates(
        states=_repeat(text.states, batch, device), valid=_repeat(text.valid, batch, device)
    )


def _repeat(part: torch.Tensor, batch: int, device: torch.device) -> torch.Tensor:
    return part.to(device).expand(batch, *part.shape[1:])
