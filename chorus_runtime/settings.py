"""How the engine carries plans out: one value, the same for every request of a deployment."""

from dataclasses import dataclass, field
from typing import Literal

import torch

from chorus_runtime.alignment.schedule import AmplificationSchedule
from chorus_runtime.masks.region import MaskSettings
from chorus_runtime.step_skip import SkipSettings
from chorus_runtime.variant import Variant
from chorus_traces.errors import EngineError

_AUTO_BUDGET_BYTES = 32 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Everything about SRD, TGAA, masks and the step skip that a plan does not say.

    ``variant`` is how SRD treats the rest of the latent; ``auto`` takes stale keys and values
    where ``keys_values_budget_bytes`` (and the free memory of a GPU) hold them, else a context of
    every ``context_every``-th other token (a smaller number costs more and sees more).
    ``refresh_every`` is the distance of full steps inside SRD: a larger one is cheaper and lets
    keys and values age (the error about doubles from 1 to 2 and again to 4 steps).
    ``keys_values_dtype`` stores them smaller; ``None`` as they are.

    ``guidance_passes`` runs the two branches one after the other or as one batch: the batch is
    faster on small latents and needs the activations of both at once.

    ``amplify`` is TGAA's implementation: ``mask``, ``append`` for attention kernels that take no
    mask, or ``off``. ``amplify_where`` gates it by the region once there is one: ``everywhere``
    disturbs what should stay.
    """

    variant: Literal["auto"] | Variant = "auto"
    keys_values_budget_bytes: int = _AUTO_BUDGET_BYTES
    keys_values_dtype: torch.dtype | None = None
    context_every: int = 8
    refresh_every: int = 4
    guidance_passes: Literal["two", "batched"] = "two"
    amplify: Literal["mask", "append", "off"] = "mask"
    amplify_where: Literal["region", "everywhere"] = "region"
    schedule: AmplificationSchedule = field(default_factory=AmplificationSchedule)
    mask: MaskSettings = field(default_factory=MaskSettings)
    skip: SkipSettings = field(default_factory=SkipSettings)

    def __post_init__(self) -> None:
        if self.refresh_every < 1 or self.context_every < 1:
            raise EngineError(
                f"refresh_every is {self.refresh_every} and context_every {self.context_every}; "
                "at least 1 is needed"
            )
        if self.keys_values_budget_bytes < 0:
            raise EngineError(
                f"keys_values_budget_bytes is {self.keys_values_budget_bytes}; 0 or more is needed"
            )
