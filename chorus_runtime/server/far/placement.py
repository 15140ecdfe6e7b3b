"""Placement: which hand carries out a plan, by what it has in memory and how long it is busy.

A hand that has the donor is preferred unless waiting for it takes longer than sending the donor to
another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One hand as placement sees it; ``busy_s`` is how long until it is free, estimated."""

    number: int
    busy_s: float
    has_donor: bool
    served: int


def choose(candidates: Sequence[Candidate], load_s: float) -> int:
    """Return the number of the hand that is done first; ``load_s`` is sending it the donor.

    Among equals the one that has served least, so that memory fills up evenly.
    """
    best = min(
        candidates,
        key=lambda one: (
            one.busy_s + (0.0 if one.has_donor else load_s),
            one.served,
            one.number,
        ),
    )
    return best.number
