"""How long it matters that the user of an entry has gone on to another one.

Soon after an entry was made, it is reused mostly by its own user, next: one left behind is worth
less. Late, when that user has gone home, both are alike, or the one left behind is worth more, for
users come back to what they worked on. So uses and time at risk are counted by octaves of age for
both kinds, and from the age on from which the kind left behind is used no less, nothing is made of
the difference. Where entries are evicted young, late ages are never seen, and it always counts.

Own formulation. State: four numbers per octave. Cost per call: O(octaves).
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
        self._keep = keep
        self._events = 0
        self._uses = ([0.0] * OCTAVES, [0.0] * OCTAVES)
        self._at_risk = ([0.0] * OCTAVES, [0.0] * OCTAVES)

    def learn(self, left_behind: bool, began: int, age: int, used: bool) -> None:
        """Count the time from age ``began`` to ``age``, and whether it ended with a use."""
        uses, at_risk, keep = self._uses[left_behind], self._at_risk[left_behind], self._keep
        low, high = math.log(began), math.log(age)
        last = min(OCTAVES, age.bit_length()) - 1
        for octave in range(min(OCTAVES, began.bit_length()) - 1, last + 1):
            end = high if octave == last else (octave + 1) * _LN2
            at_risk[octave] = at_risk[octave] * keep + (end - max(low, octave * _LN2))
        if used:
            uses[last] = uses[last] * keep + 1.0
        self._events += 1
        if self._events % EVERY == 0:
            self._compare()

    def _compare(self) -> None:
        """Find the age from which entries left behind are used no less than the others."""
        self.alike_from = NEVER
        own_uses = own_risk = left_uses = left_risk = 0.0
        for octave in range(OCTAVES - 1, -1, -1):
            own_uses += self._uses[0][octave]
            own_risk += self._at_risk[0][octave]
            left_uses += self._uses[1][octave]
            left_risk += self._at_risk[1][octave]
            if own_uses + left_uses < EVIDENCE or own_risk < 1 or left_risk < 1:
                continue
            if own_uses * left_risk > left_uses * own_risk:
                break
            self.alike_from = 1 << octave
