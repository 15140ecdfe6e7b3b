"""How long it matters that the user of an entry has asked again, or has a newer one (``standing``).

Soon after an entry was made, it is reused mostly by its own user, next: one left behind is worth
less. Late, when that user has gone home, both are alike, or the one left behind is worth more, for
users come back to what they worked on. So uses and time at risk are counted by octaves of age for
both kinds, and from the age on from which the kind left behind is used no less, nothing is made of
the difference. Where entries are evicted young, late ages are never seen, and it always counts.

Own formulation. State: six numbers per octave. Cost per call: O(1), amortised.
"""

import math

#: Ages beyond the last octave count as in it.
OCTAVES = 14

#: Uses that must have been seen from an age on; 5 and 50 make no difference beyond noise.
EVIDENCE = 20

#: Events between two comparisons.
EVERY = 64

#: An age that nothing reaches.
NEVER = 1 << 62

_LN2 = math.log(2)


class Liveness:
    """Compares entries left behind with the others by age; ``alike_from`` is the answer."""

    def __init__(self, keep: float) -> None:
        self.alike_from = NEVER
        self._keep = keep**EVERY
        self._events = 0
        self._own, self._left = _Ages(), _Ages()

    def learn(self, left_behind: bool, began: int, age: int, used: bool) -> None:
        """Count the time from age ``began`` to ``age``, and whether it ended with a use."""
        ages = self._left if left_behind else self._own
        first, last = min(OCTAVES, began.bit_length()) - 1, min(OCTAVES, age.bit_length()) - 1
        low, high = math.log(began), math.log(age)
        if first == last:
            ages.parts[last] += high - low
        else:
            ages.parts[first] += (first + 1) * _LN2 - low
            ages.parts[last] += high - last * _LN2
            ages.whole_from[first + 1] += 1.0
            ages.whole_from[last] -= 1.0
        if used:
            ages.uses[last] += 1.0
        self._events += 1
        if self._events % EVERY == 0:
            self._compare()

    def _compare(self) -> None:
        """Find the age from which entries left behind are used no less than the others."""
        self.alike_from = NEVER
        own, left = self._own, self._left
        own_whole = left_whole = 0.0
        for octave in range(OCTAVES):
            own_whole += own.whole_from[octave]
            left_whole += left.whole_from[octave]
        own_uses = own_risk = left_uses = left_risk = 0.0
        for octave in range(OCTAVES - 1, -1, -1):
            own_uses += own.uses[octave]
            left_uses += left.uses[octave]
            own_risk += own.parts[octave] + own_whole * _LN2
            left_risk += left.parts[octave] + left_whole * _LN2
            own_whole -= own.whole_from[octave]
            left_whole -= left.whole_from[octave]
            if own_uses + left_uses < EVIDENCE or own_risk < 1 or left_risk < 1:
                continue
            if own_uses * left_risk > left_uses * own_risk:
                break
            self.alike_from = 1 << octave
        own.fade(self._keep)
        left.fade(self._keep)


class _Ages:
    """Uses and log-age at risk of one kind, by octave.

    Time that began or ended within an octave is in ``parts``; ``whole_from`` is how many more went
    through the octave from end to end than through the one before it.
    """

    __slots__ = ("parts", "uses", "whole_from")

    def __init__(self) -> None:
        self.uses, self.parts, self.whole_from = ([0.0] * OCTAVES for _ in range(3))

    def fade(self, keep: float) -> None:
        """Forget a share of everything."""
        for values in (self.uses, self.parts, self.whole_from):
            for octave in range(OCTAVES):
                values[octave] *= keep
