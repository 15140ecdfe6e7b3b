"""The ways of reuse that are compared, and the plan each one is."""

from typing import Final

from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_runtime.alignment.schedule import suggested_amplification
from chorus_traces.errors import EngineError, unknown

#: Full compute, full reuse, full reuse and TGAA everywhere, SRD, SRD and TGAA in its region.
MODES: Final = ("full", "reuse", "reuse+tgaa", "srd", "srd+tgaa")


def plan_of(mode: str, k1: int, k2: int, active_share: float, factor: float) -> Plan:
    """Return the plan of a mode; without SRD, TGAA's factor goes to the engine beside it.

    Raises ``EngineError`` for an unknown mode.
    """
    if mode not in MODES:
        raise EngineError(unknown("mode", mode, MODES))
    if mode == "full":
        return Fresh(reason="full compute")
    if mode.startswith("reuse"):
        return Resume(donor=0, similarity=1.0, k1=k1, reason=mode)
    return Regional(
        donor=0,
        similarity=1.0,
        k1=k1,
        k2=k2,
        active_share=active_share,
        amplification=factor if mode.endswith("tgaa") else 1.0,
        reason=mode,
    )


def end_of_srd(k1: int, steps: int, share: float) -> int:
    """Return k2: ``share`` of the steps that remain after k1, rounded to whole steps."""
    return k1 + round(share * (steps - k1))


def factor_of(amplification: float | None, k1: int, steps: int) -> float:
    """Return TGAA's factor; ``None`` takes the one suggested for the share of steps reused."""
    return suggested_amplification(k1 / steps) if amplification is None else amplification
