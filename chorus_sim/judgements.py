"""What judges said of a run, beside what it would have been had everything been judged.

The false-hit rate is what an error budget holds below its delta: results made with reuse that are
not acceptable, per request that had a donor. It counts every result whose verdict the curve knows,
judged or not.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from chorus_policies.costs.quality import reuses
from chorus_policies.entry import Query
from chorus_policies.plan import Fresh, Plan
from chorus_policies.policy import PartsMaker, Policy
from chorus_policies.reuse.error_budget import REFUSALS
from chorus_sim.judge import Judge

_KIND = "error_budget"


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """By request, in arrival order: what it was, and whether anybody was asked.

    ``acceptable`` is ``None`` where there is no verdict. ``had_donor`` are requests that could have
    been reused. ``delta`` is that of the policy, ``None`` without an error budget.
    """

    share: float
    delta: float | None
    reused: tuple[bool, ...]
    had_donor: tuple[bool, ...]
    asked: tuple[bool, ...]
    acceptable: tuple[bool | None, ...]


def verdicts_of(
    judge: Judge, policy: PartsMaker, queries: Sequence[Query], plans: Sequence[Plan]
) -> Verdicts:
    """Return the verdicts on a run's plans."""
    reused = tuple(reuses(plan) for plan in plans)
    return Verdicts(
        share=judge.share,
        delta=_delta(policy),
        reused=reused,
        had_donor=tuple(
            was or (isinstance(plan, Fresh) and plan.reason in REFUSALS)
            for was, plan in zip(reused, plans, strict=True)
        ),
        asked=tuple(judge.judges(query) for query in queries),
        acceptable=tuple(
            judge.verdict(query, plan) for query, plan in zip(queries, plans, strict=True)
        ),
    )


def judgements_block(verdicts: Verdicts, cut: int) -> dict[str, Any]:
    """Return the numbers of a run without its first ``cut`` requests.

    ``unknown`` results were reused and have no verdict; they and their requests are left out of
    the rate.
    """
    from scipy.stats import binomtest

    known = [one is not None for one in verdicts.acceptable[cut:]]
    false = sum(one is False for one in verdicts.acceptable[cut:])
    reused, donors = sum(verdicts.reused[cut:]), sum(verdicts.had_donor[cut:])
    unknown = reused - sum(known)
    judged = sum(was and asked for was, asked in zip(known, verdicts.asked[cut:], strict=True))
    ends = None
    if donors > unknown:
        found = binomtest(false, donors - unknown).proportion_ci(0.95, method="wilson")
        ends = [float(found.low), float(found.high)]
    return {
        "share": verdicts.share,
        "judged": judged,
        "reused": reused,
        "unknown": unknown,
        "had_donor": donors,
        "false_hits": false,
        "false_hit_rate": false / (donors - unknown) if ends else None,
        "false_hit_rate_ci95": ends,
        "false_share_of_reused": false / sum(known) if any(known) else None,
        "delta": verdicts.delta,
    }


def _delta(policy: PartsMaker) -> float | None:
    if not isinstance(policy, Policy) or policy.tables["reuse"]["kind"] != _KIND:
        return None
    return float(policy.tables["reuse"]["delta"])
