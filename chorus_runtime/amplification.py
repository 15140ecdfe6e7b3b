"""TGAA for one request: the bias on its text tokens, step by step."""

from dataclasses import dataclass

import torch

from chorus_runtime.alignment.schedule import AmplificationSchedule
from chorus_runtime.attention.directive import Implementation, TokenBias
from chorus_runtime.generation import Generation
from chorus_runtime.masks.region import Region
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Amplification:
    """Factor ``1 + (largest - 1) * emphasis * weight`` on each text token's attention weight.

    ``emphasis`` is ``(batch or 1, text tokens)`` in [0, 1]; ``k1``, ``k2`` and ``steps`` place the
    schedule. ``gated`` confines it to the region once there is one.
    """

    largest: float
    emphasis: torch.Tensor
    schedule: AmplificationSchedule
    implementation: Implementation
    gated: bool
    k1: int
    k2: int
    steps: int

    def at(self, step: int, index: torch.Tensor | None, region: Region | None) -> TokenBias | None:
        """Return the bias at ``step``, ``None`` where every factor is 1.

        ``index`` names the computed tokens (``None``: all of them). Before there is a region the
        bias acts everywhere: it shall show where the new prompt wants to go.
        """
        weight = self.schedule.weight(step, self.k1, self.k2, self.steps)
        if weight * (self.largest - 1) == 0:
            return None
        factor = 1 + (self.largest - 1) * weight * self.emphasis
        rows = None
        if self.gated and region is not None and index is not region.index:
            inside = region.mask.flatten().float()
            rows = inside if index is None else inside[index]
        return TokenBias(log_factor=factor.log(), rows=rows, implementation=self.implementation)


def amplification_of(
    generation: Generation, settings: EngineSettings, emphasis: torch.Tensor | None
) -> Amplification | None:
    """Return TGAA as a request asks for it, ``None`` where it would change nothing.

    ``emphasis`` is the request's, on the device. Raises ``EngineError`` where a factor is asked
    for and nothing says of which tokens.
    """
    largest = generation.largest_factor
    if largest == 1 or settings.amplify == "off":
        return None
    if emphasis is None:
        raise EngineError(
            f"amplification {largest:g} is asked for, but no emphasis says of which tokens; "
            "compare the prompts, or switch TGAA off with amplify='off'"
        )
    if not bool(emphasis.any()):
        return None
    k1, k2 = generation.reused_steps()
    return Amplification(
        largest=largest,
        emphasis=emphasis,
        schedule=settings.schedule,
        implementation=settings.amplify,
        gated=settings.amplify_where == "region",
        k1=k1,
        k2=k2,
        steps=generation.steps,
    )
