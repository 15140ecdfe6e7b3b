"""How much of a trace's reuse its shapes captions keep: both through the same policy.

Every request is looked up and stored at its arrival, in a cache without bounds: what is compared
is what the prompts share, not what a server would have finished in time.
"""

from collections.abc import Mapping

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.marks import marks_of
from chorus_policies.namespace import identity_of
from chorus_policies.plan import PLAN_KINDS, Copy, Fresh, kind_of
from chorus_policies.policy import Policy
from chorus_policies.tier import TierSpec
from chorus_traces.errors import EngineError
from chorus_traces.trace import Trace

_UNBOUNDED = 2**62


class ReuseKept(msgspec.Struct, frozen=True, kw_only=True):
    """Requests by kind of plan, before and after, and the share that kept its kind."""

    before: Mapping[str, int]
    after: Mapping[str, int]
    same: float


def reuse_kept(original: Trace, mapped: Trace, policy: Policy, steps: int) -> ReuseKept:
    """Compare two traces of the same requests; raise ``EngineError`` where embeddings lack."""
    before, after = (_kinds(trace, policy, steps) for trace in (original, mapped))
    same = sum(one == other for one, other in zip(before, after, strict=True))
    return ReuseKept(before=_counted(before), after=_counted(after), same=same / len(before))


def _counted(kinds: list[str]) -> dict[str, int]:
    return {kind: kinds.count(kind) for kind in PLAN_KINDS}


def _kinds(trace: Trace, policy: Policy, steps: int) -> list[str]:
    if trace.embeddings is None:
        raise EngineError(f"{trace.name}: no embeddings; embed the trace first")
    tier = TierSpec(name="host", capacity_bytes=_UNBOUNDED)
    cache = Cache(policy, (tier,), MatrixIndex(), Journal(keep=False), ghost_index=MatrixIndex())
    kinds = []
    for place, request in enumerate(trace.requests):
        query = Query(
            sequence=place,
            namespace=request.tenant or "all",
            identity=identity_of(request),
            steps=steps,
            latent_bytes=2**14,
            result_bytes=0,
            embedding=trace.embeddings[place],
            marks=marks_of(request.prompt),
        )
        plan = cache.lookup(query, request.arrival_s)
        kinds.append(kind_of(plan))
        if not isinstance(plan, Fresh):
            cache.release(plan.donor, request.arrival_s)
        if not isinstance(plan, Copy):
            cache.store(query, plan, 1.0, request.arrival_s)
    return kinds
