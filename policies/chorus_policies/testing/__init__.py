"""The contract suite: what every part and every whole policy must keep, for outside authors too.

    from chorus_policies.testing import check_eviction
    check_eviction(lambda setting: Mine(Config(), setting))

Each check drives two instances that were given the same chance through one random script (seeded),
raises ``PolicyError`` at the first broken promise, and raises as well if the script exercised
nothing. No clock and no global chance may be read meanwhile.
"""

from chorus_policies.testing.admission import check_admission
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.eviction import check_eviction
from chorus_policies.testing.exercise import Exercise
from chorus_policies.testing.policy import check_policy
from chorus_policies.testing.reuse import check_reuse
from chorus_policies.testing.sizing import check_sizing

__all__ = [
    "Exercise",
    "check_admission",
    "check_eviction",
    "check_policy",
    "check_reuse",
    "check_sizing",
    "no_clock_or_global_chance",
]
