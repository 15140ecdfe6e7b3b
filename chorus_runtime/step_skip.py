"""Skip whole passes over the blocks where the input hardly changed: TeaCache inside one request.

TeaCache (arXiv 2411.19108): the relative L1 change of the first block's modulated input adds up
from step to step; below a threshold the last residual of the blocks is added again instead of
computing them. Left out: fitting the rescaling polynomial to a model; its coefficients are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from chorus_runtime.adapters.adapter import Passage
from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipSettings:
    """When to skip. ``threshold`` 0 is off; a larger one skips more and blurs more.

    ``coefficients`` of the rescaling polynomial, highest power first; (1, 0) takes the change as
    it is.
    """

    threshold: float = 0.0
    coefficients: tuple[float, ...] = (1.0, 0.0)

    def __post_init__(self) -> None:
        if not self.threshold >= 0:
            raise EngineError(f"threshold is {self.threshold}; 0 (off) or more is needed")
        if not self.coefficients:
            raise EngineError("coefficients are empty; (1, 0) takes the change as it is")


class StepSkip:
    """Decides and remembers, for one model and one guidance branch."""

    def __init__(self, settings: SkipSettings) -> None:
        self._settings = settings
        self._signal: torch.Tensor | None = None
        self._residual: torch.Tensor | None = None
        self._change = 0.0
        self.skipped = 0

    def velocity(self, passage: Passage, *, must_compute: bool) -> torch.Tensor:
        """Return the velocity of a full pass, its blocks skipped where the change allows it.

        ``must_compute`` is for the first and last step, after SRD, and for a step that records
        keys and values.
        """
        signal = passage.signal()
        before, residual = self._signal, self._residual
        if before is not None:
            change = (signal - before).abs().mean() / before.abs().mean().clamp(min=1e-12)
            self._change += _polynomial(self._settings.coefficients, float(change))
        self._signal = signal
        small = self._change < self._settings.threshold
        if residual is not None and small and not must_compute:
            self.skipped += 1
            return passage.output(passage.hidden + residual)
        left = passage.blocks()
        self._residual = left - passage.hidden
        self._change = 0.0
        return passage.output(left)


def _polynomial(coefficients: Sequence[float], value: float) -> float:
    total = 0.0
    for coefficient in coefficients:
        total = total * value + coefficient
    return total
