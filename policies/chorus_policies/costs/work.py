"""What a plan leaves to compute, in denoising steps: shared by simulator, runtime and policies."""

from typing import NamedTuple

from chorus_policies.plan import Copy, Plan, Regional, Resume


class Work(NamedTuple):
    """Denoising steps computed in full and by SRD, and latents read from the donor."""

    full_steps: int
    srd_steps: int
    active_share: float
    latents_read: int


def work_of(plan: Plan, steps: int, srd_full_every: int) -> Work:
    """Return what ``plan`` computes of ``steps`` denoising steps.

    Of the steps k1 .. k2 the first and every ``srd_full_every``-th after it is computed in full: it
    yields the mask and refreshes the keys and values the SRD steps attend to.
    """
    if isinstance(plan, Copy):
        return Work(0, 0, 0.0, 0)
    if isinstance(plan, Resume):
        return Work(steps - plan.k1, 0, 0.0, 1)
    if isinstance(plan, Regional):
        region = plan.k2 - plan.k1
        refreshes = -(-region // srd_full_every)
        full = steps - plan.k2 + refreshes
        read = 1 if plan.renoised else region + 1
        return Work(full, region - refreshes, plan.active_share, read)
    return Work(steps, 0, 0.0, 0)


def saved_steps(plan: Plan, steps: int, srd_full_every: int) -> float:
    """Return the full steps that ``plan`` saves of ``steps``.

    An SRD step counts as its active share of a full one, which is what stale keys and values make
    it cost in FLOPs.
    """
    if type(plan) is Regional:
        region = plan.k2 - plan.k1
        refreshes = -(-region // srd_full_every)
        full = steps - plan.k2 + refreshes
        return steps - full - (region - refreshes) * plan.active_share
    if type(plan) is Resume:
        return plan.k1
    return steps if type(plan) is Copy else 0


def amplified_steps(plan: Plan, steps: int) -> int:
    """Return in how many steps TGAA acts: a sixth of ``steps`` from ``k1`` on, at least one.

    With SRD it ends at ``k2``.
    """
    if not isinstance(plan, Resume | Regional) or plan.amplification <= 1:
        return 0
    end = plan.k2 if isinstance(plan, Regional) and plan.k2 > plan.k1 else steps
    return min(max(1, steps // 6), end - plan.k1)
