"""Returning, compiled; the rule is described in ``chorus_policies.eviction.returning``.

Its state lies in that of the eviction: ``gone_uses``, ``gone_at``, ``identity_of`` and ``counts``.
Only what was computed in full is named.
"""

from typing import Any

from chorus_policies.eviction.returning import MOST_GONE
from chorus_sim.compiled.jit import inlined

#: Place in ``counts``.
GONE = 4


@inlined
def goes_away(eviction: Any, residents: Any, key: int) -> None:
    """Remember the uses of an entry that others may be identical to."""
    identity = eviction.identity_of[key]
    if identity >= 0 and residents.donor[key] < 0:
        eviction.counts[GONE] += 1
        eviction.gone_uses[identity] = eviction.uses[key]
        eviction.gone_at[identity] = eviction.counts[GONE]


@inlined
def comes_back(eviction: Any, residents: Any, key: int) -> int:
    """Return how often the entry was used before it left, and forget that; 0 if unknown."""
    identity = eviction.identity_of[key]
    if identity < 0 or residents.donor[key] >= 0:
        return 0
    uses = eviction.gone_uses[identity]
    eviction.gone_uses[identity] = 0
    return int(uses) if eviction.counts[GONE] - eviction.gone_at[identity] < MOST_GONE else 0
