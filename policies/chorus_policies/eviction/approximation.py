"""What a hit leaves to compute: the approximation cost of the similarity-caching literature.

There ``C_a(x, z)`` is the cost of serving x from z and ``C_r`` that of a miss. Here both are
denoising steps, so their ratio is the share of the steps that a plan does not save.
"""

from chorus_policies.entry import Entry
from chorus_policies.plan import Copy, Fresh, Plan, reused_steps


def unsaved_share(plan: Plan, entry: Entry) -> float:
    """Return C_a / C_r of a plan that reuses ``entry``, in [0, 1].

    A hit is not told how often SRD computes a step in full, so all its steps count as partial.
    """
    if isinstance(plan, Copy):
        return 0.0
    if isinstance(plan, Fresh):
        return 1.0
    k1, k2 = reused_steps(plan)
    partial = (k2 - k1) * getattr(plan, "active_share", 1.0)
    return (entry.steps - k2 + partial) / entry.steps
