"""Liveness, compiled; the rule is described in ``chorus_policies.eviction.liveness``.

Its state lies in that of the eviction: ``uses_by_age``, ``parts``, ``whole_from`` and ``counts``.
"""

import math
from typing import Any

from chorus_policies.eviction.liveness import EVERY, EVIDENCE, NEVER, OCTAVES
from chorus_sim.compiled.jit import compiled

#: Places in ``counts``.
EVENTS, ALIKE_FROM = 2, 3

_LN2 = math.log(2)


@compiled
def learn(eviction: Any, behind: int, began: int, age: int, used: bool) -> None:
    """Count uses and time at risk by octaves of age; now and then, compare."""
    parts, whole_from = eviction.parts[behind], eviction.whole_from[behind]
    first, last = _octave(began), _octave(age)
    low, high = math.log(began), math.log(age)
    if first == last:
        parts[last] += high - low
    else:
        parts[first] += (first + 1) * _LN2 - low
        parts[last] += high - last * _LN2
        whole_from[first + 1] += 1.0
        whole_from[last] -= 1.0
    if used:
        eviction.uses_by_age[behind, last] += 1.0
    eviction.counts[EVENTS] += 1
    if eviction.counts[EVENTS] % EVERY == 0:
        _compare(eviction)


@compiled
def _octave(age: int) -> int:
    octave = 0
    while age > 1 and octave < OCTAVES - 1:
        age >>= 1
        octave += 1
    return octave


@compiled
def _compare(eviction: Any) -> None:
    """Find the age from which entries left behind are used no less than the others."""
    uses, parts, whole_from = eviction.uses_by_age, eviction.parts, eviction.whole_from
    eviction.counts[ALIKE_FROM] = NEVER
    own_whole, left_whole = 0.0, 0.0
    for octave in range(OCTAVES):
        own_whole += whole_from[0, octave]
        left_whole += whole_from[1, octave]
    own_uses, own_risk, left_uses, left_risk = 0.0, 0.0, 0.0, 0.0
    for octave in range(OCTAVES - 1, -1, -1):
        own_uses += uses[0, octave]
        left_uses += uses[1, octave]
        own_risk += parts[0, octave] + own_whole * _LN2
        left_risk += parts[1, octave] + left_whole * _LN2
        own_whole -= whole_from[0, octave]
        left_whole -= whole_from[1, octave]
        if own_uses + left_uses < EVIDENCE or own_risk < 1 or left_risk < 1:
            continue
        if own_uses * left_risk > left_uses * own_risk:
            break
        eviction.counts[ALIKE_FROM] = 1 << octave
    for behind in range(2):
        for octave in range(OCTAVES):
            uses[behind, octave] *= eviction.fade
            parts[behind, octave] *= eviction.fade
            whole_from[behind, octave] *= eviction.fade
