"""How strongly TGAA acts at each step.

The factor of a token is ``1 + (amplification - 1) * emphasis * schedule(step)``. How the paper
schedules it is not public (Chorus, arXiv 2604.04451). On the shapes model a factor of 8 in the
first sixth of the steps keeps more of what should stay than 4 throughout, and changes as much
(reports/studies/2026-11-22-quality).
"""

from dataclasses import dataclass
from typing import Literal

from chorus_traces.errors import EngineError

#: Where a schedule states no steps, ``first`` acts in the first step of so many.
_FIRST_PART = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AmplificationSchedule:
    """Where between k1 and its end the amplification acts, as a weight in [0, 1].

    ``constant`` acts throughout, ``linear`` falls to nothing at the end, ``first`` acts in the
    first ``steps`` steps: the prompt decides early, and later steps keep the looks. ``None`` is a
    sixth of the run's steps, and at least one. ``reach`` is the end: ``region`` is k2, ``all`` the
    last step.
    """

    kind: Literal["constant", "linear", "first"] = "first"
    steps: int | None = None
    reach: Literal["region", "all"] = "region"

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise EngineError(f"steps is {self.steps}; at least 1 is needed")

    def weight(self, step: int, k1: int, k2: int, steps: int) -> float:
        """Return the weight at ``step`` of a run resumed at ``k1`` with SRD up to ``k2``.

        Without SRD (``k2 == k1``) the amplification reaches to the last step either way.
        """
        end = k2 if self.reach == "region" and k2 > k1 else steps
        if not k1 <= step < end:
            return 0.0
        if self.kind == "first":
            first = max(1, steps // _FIRST_PART) if self.steps is None else self.steps
            return float(step < k1 + first)
        if self.kind == "linear":
            return (end - step) / (end - k1)
        return 1.0


def suggested_amplification(reused_share: float) -> float:
    """Return the factor for a run that skips ``reused_share`` of its steps.

    From the shapes model: 8 up to half of the steps, 16 beyond (there a change of colour still
    arrives, a change of motion does not at any factor).
    """
    if reused_share <= 0:
        return 1.0
    return 8.0 if reused_share <= 0.5 else 16.0
