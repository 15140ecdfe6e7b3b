"""How strongly TGAA acts at each step.

The factor of a token is ``1 + (amplification - 1) * emphasis * schedule(step)``. How the paper
schedules it is not public (Chorus, arXiv 2604.04451). On a small trained model the factor had to
grow with k1 and did less harm when it stopped early.
"""

from dataclasses import dataclass
from typing import Literal

from chorus_traces.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class AmplificationSchedule:
    """Where between k1 and its end the amplification acts, as a weight in [0, 1].

    ``constant`` acts throughout, ``linear`` falls to nothing at the end, ``first`` acts in the
    first ``steps`` steps: the prompt decides early, and later steps keep the looks. ``reach`` is
    the end: ``region`` is k2, ``all`` the last step.
    """

    kind: Literal["constant", "linear", "first"] = "constant"
    steps: int = 4
    reach: Literal["region", "all"] = "region"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise EngineError(f"steps is {self.steps}; at least 1 is needed")

    def weight(self, step: int, k1: int, k2: int, steps: int) -> float:
        """Return the weight at ``step`` of a run resumed at ``k1`` with SRD up to ``k2``.

        Without SRD (``k2 == k1``) the amplification reaches to the last step either way.
        """
        end = k2 if self.reach == "region" and k2 > k1 else steps
        if not k1 <= step < end:
            return 0.0
        if self.kind == "first":
            return float(step < k1 + self.steps)
        if self.kind == "linear":
            return (end - step) / (end - k1)
        return 1.0


def suggested_amplification(reused_share: float) -> float:
    """Return the factor for a run that skips ``reused_share`` of its steps.

    From the small model: 4 up to 30 % of the steps, 8 up to 50 %, 16 beyond (there a change of
    colour still arrives, a change of motion does not at any factor).
    """
    if reused_share <= 0:
        return 1.0
    if reused_share <= 0.3:
        return 4.0
    return 8.0 if reused_share <= 0.5 else 16.0
