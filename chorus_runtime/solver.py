"""The solver: a private copy of the request's diffusers scheduler, moved by step number.

Flow-match Euler has no memory, so a run resumed at k1 from its own latent equals the
uninterrupted one bit for bit. UniPC (arXiv 2302.04867) keeps two predictions; they are dropped
wherever the run changes its course (k1, k2), which costs one step of lower order there.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from chorus_traces.errors import EngineError


class Solver:
    """Steps a latent along one sigma schedule.

    ``scheduler`` is read, never changed. ``sigmas`` states the schedule of a distilled model, as
    the scheduler's ``set_timesteps`` takes it (before its shift); empty means the scheduler's own
    for ``steps``. ``mu`` is for schedulers that shift by resolution. Raises ``EngineError`` for a
    scheduler that cannot be resumed exactly.
    """

    def __init__(
        self,
        scheduler: Any,
        steps: int,
        device: torch.device,
        sigmas: Sequence[float] = (),
        mu: float | None = None,
    ) -> None:
        _check(scheduler)
        if sigmas and len(sigmas) != steps:
            raise EngineError(f"{len(sigmas)} sigmas for {steps} steps; one for each is needed")
        self._scheduler = copy.deepcopy(scheduler)
        self._timing: dict[str, Any] = {"device": device}
        if sigmas:
            self._timing["sigmas"] = list(sigmas)
        else:
            self._timing["num_inference_steps"] = steps
        if scheduler.config.use_dynamic_shifting:
            if mu is None:
                raise EngineError("the scheduler shifts by resolution; give mu")
            self._timing["mu"] = mu
        self.restart(0)
        levels = tuple(float(sigma) for sigma in self._scheduler.sigmas)
        if len(levels) != steps + 1 or levels[-1] != 0:
            raise EngineError(
                f"the scheduler made {len(levels) - 1} steps ending at sigma {levels[-1]:g}; "
                f"{steps} steps ending at 0 are needed"
            )
        #: Noise level before each step, and 0 after the last.
        self.sigmas = levels

    @property
    def training_steps(self) -> int:
        """Timesteps of the training schedule: the scale of ``timestep``."""
        return int(self._scheduler.config.num_train_timesteps)

    def timestep(self, step: int) -> torch.Tensor:
        """Return the model's timestep at ``step``, a scalar tensor as the scheduler gives it."""
        return self._scheduler.timesteps[step]

    def restart(self, step: int) -> None:
        """Forget all history; the next step is number ``step``."""
        self._scheduler.set_timesteps(**self._timing)
        self._scheduler.set_begin_index(step)

    def step(self, velocity: torch.Tensor, step: int, latents: torch.Tensor) -> torch.Tensor:
        """Return the latent after ``step``; all tensors have the latent's shape."""
        return self._scheduler.step(velocity, self.timestep(step), latents, return_dict=False)[0]


def _check(scheduler: Any) -> None:
    name = type(scheduler).__name__
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        if scheduler.config.stochastic_sampling:
            raise EngineError(f"{name} with stochastic_sampling cannot be resumed; switch it off")
    elif isinstance(scheduler, UniPCMultistepScheduler):
        config = scheduler.config
        if not config.use_flow_sigmas or config.prediction_type != "flow_prediction":
            raise EngineError(
                f"{name} with prediction_type {config.prediction_type!r}; "
                "use_flow_sigmas and prediction_type 'flow_prediction' are needed"
            )
        if config.solver_p is not None:
            raise EngineError(f"{name} with solver_p is not supported; leave it out")
    else:
        raise EngineError(
            f"scheduler {name} is not supported; FlowMatchEulerDiscreteScheduler or "
            "UniPCMultistepScheduler is needed"
        )
