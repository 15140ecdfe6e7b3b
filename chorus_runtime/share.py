"""Sharing a run in flight: its step latents go to the cache as soon as the last of them exists."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from chorus_policies.plan import Plan
from chorus_runtime.noise import Seeds
from chorus_runtime.observer import StepDone
from chorus_runtime.store.kept import LATENT_DTYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Where a run's step latents go while it is in flight.

    ``step_of`` returns the step after which to share a run of a plan, ``None`` for not at all.
    ``publish`` gets the plan, the sigmas and the noise seed of the run, and the latents by step.
    """

    step_of: Callable[[Plan], int | None]
    publish: Callable[[Plan, tuple[float, ...], Seeds, dict[int, torch.Tensor]], None]


class Sharer:
    """Watches a run and publishes once the latent before ``last`` exists."""

    def __init__(
        self,
        last: int,
        publish: Callable[[dict[int, torch.Tensor]], None],
        observer: Callable[[StepDone], None],
    ) -> None:
        self._last = last
        self._publish = publish
        self._observer = observer
        self._done = False

    def __call__(self, done: StepDone) -> None:
        """Pass the step on, and publish where it is the one awaited."""
        self._observer(done)
        following = done.number + 1
        if self._done or following < self._last:
            return
        self._done = True
        steps = dict(done.kept)
        if following == self._last:
            steps[following] = done.latents
        self._publish({step: latent.to(LATENT_DTYPE, copy=True) for step, latent in steps.items()})
