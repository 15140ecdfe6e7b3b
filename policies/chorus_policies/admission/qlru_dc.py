"""qLRU-dC's admission: a result is kept with a chance that rises with what it cost.

A fresh result is inserted with probability q, one made with reuse with probability q C_a / C_r: the
share of a miss that its request still cost. Paper: Garetto, Leonardi and Neglia, "Similarity
caching: theory and algorithms", INFOCOM 2020 (from memory of the paper). State: the mean cost of a
fresh result. Cost per call: O(1). Left out: the paper computes x anew to insert it; the result kept
here is the one that was served. While there is room everything is admitted.
"""

import msgspec

from chorus_policies.entry import Entry
from chorus_policies.parts import Setting


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A smaller ``q`` comes closer to the best fixed content and takes longer to get there."""

    q: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.q <= 1:
            raise ValueError(f"q is {self.q}; a probability in (0, 1] is needed")


class QlruDc:
    """Throws a coin for each result that would push out another."""

    def __init__(self, config: Config, setting: Setting) -> None:
        self._q = config.q
        self._chance = setting.chance
        self._fresh_s = 0.0
        self._fresh = 0

    def admit(self, candidate: Entry, victim: Entry | None, now: float) -> bool:
        """Return whether there is room or the coin says so."""
        if candidate.exact:
            self._fresh_s += candidate.cost_s
            self._fresh += 1
        if victim is None:
            return True
        share = 1.0
        if not candidate.exact and self._fresh_s:
            share = min(1.0, candidate.cost_s * self._fresh / self._fresh_s)
        return self._chance.random() < self._q * share
