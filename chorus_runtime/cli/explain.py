"""A clip's provenance in words."""

from chorus_policies.plan import Copy, Fresh, Plan, Regional
from chorus_runtime.provenance import Provenance

_WIDTH = 10


def explain(made: Provenance, steps: int) -> str:
    """Return lines that say how a clip of ``steps`` steps was made."""
    rows = [("plan", _plan(made.plan, made, steps)), ("reason", made.reason)]
    if made.donor is not None:
        rows.append(
            ("donor", f"{made.donor} {made.donor_prompt!r}, similarity {made.similarity:.4f}")
        )
    if made.fallback:
        rows.append(("fallback", made.fallback))
    if made.facts is not None:
        tokens, flops = made.facts.token_share, made.facts.flop_share
        rows.append(("computed", f"{tokens:.0%} of the tokens, {flops:.0%} of the FLOPs"))
    rows += [("note", note) for note in made.notes]
    seconds = ", ".join(f"{stage} {spent:.3f}" for stage, spent in made.seconds.items())
    rows += [
        ("seconds", f"{seconds}; {made.total_s:.3f} in all"),
        ("stored", made.stored),
        ("seed", str(made.seed)),
        ("policy", f"{made.policy} {made.fingerprint}"),
    ]
    return "\n".join(f"{name:{_WIDTH}}{text}" for name, text in rows)


def _plan(plan: Plan, made: Provenance, steps: int) -> str:
    if isinstance(plan, Fresh):
        return f"fresh: all {steps} steps computed"
    if isinstance(plan, Copy):
        return "copy: the stored result of an identical request"
    if isinstance(plan, Regional):
        return (
            f"regional: steps 0 to {plan.k1} reused, {plan.k1} to {plan.k2} by SRD on "
            f"{made.active_share:.0%} of the latent, {plan.k2} to {steps} computed"
        )
    return f"resume: steps 0 to {plan.k1} reused, {plan.k1} to {steps} computed"
