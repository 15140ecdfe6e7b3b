"""Whether a plan can be carried out: no answer of a policy is believed unchecked."""

from collections.abc import Mapping

from chorus_policies.entry import Entry, Query
from chorus_policies.plan import PLAN_KINDS, Copy, Regional, Resume, reused_steps
from chorus_traces.errors import PolicyError


def check_plan(
    policy: str, plan: Copy | Resume | Regional, query: Query, entries: Mapping[int, Entry]
) -> None:
    """Raise ``PolicyError``, naming policy and key, for a plan that cannot be carried out.

    The donor must be resident and of the query's namespace; a copy needs an exact result of the
    same request; SRD needs the latents of all its steps.
    """
    if type(plan) not in _REUSE:
        raise PolicyError(f"{policy}: plan: got {plan!r}; one of {PLAN_KINDS} is needed")
    entry = entries.get(plan.donor)
    if entry is None:
        raise PolicyError(f"{policy}: plan: donor {plan.donor} is not resident")
    if entry.namespace != query.namespace:
        raise PolicyError(
            f"{policy}: plan: donor {plan.donor} is of namespace {entry.namespace}, "
            f"request {query.sequence} of {query.namespace}"
        )
    if type(plan) is Copy and (
        query.identity is None or entry.identity != query.identity or not entry.finished
    ):
        raise PolicyError(
            f"{policy}: plan: donor {plan.donor} is no exact result of the request "
            f"{query.sequence}; a copy needs one"
        )
    k1, k2 = reused_steps(plan)
    if not 0 <= k1 <= k2 <= query.steps:
        raise PolicyError(
            f"{policy}: plan: k1 {k1} and k2 {k2} for request {query.sequence}; "
            f"0 <= k1 <= k2 <= {query.steps} is needed"
        )
    if type(plan) is Resume and not entry.resumes_at(k1):
        raise PolicyError(
            f"{policy}: plan: donor {plan.donor} is in flight and lacks the latent of step {k1}"
        )
    if type(plan) is not Regional:
        return
    if plan.renoised and not (entry.renoised and entry.finished):
        state = "keeps no seed for that" if entry.finished else "is in flight"
        raise PolicyError(f"{policy}: plan: donor {plan.donor} is to be renoised, but {state}")
    if not plan.renoised and not entry.holds_steps(k1, k2):
        raise PolicyError(
            f"{policy}: plan: donor {plan.donor} lacks the latents of steps {k1} to {k2}"
        )


_REUSE = (Copy, Resume, Regional)
