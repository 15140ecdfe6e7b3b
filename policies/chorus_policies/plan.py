"""The answer to "what do we reuse for this request": one frozen value, four kinds.

A plan names the donor (the key of the entry reused), the similarity and the reason. It travels to
the client and into every record. ``k1`` and ``k2`` count denoising steps done; 0 is pure noise.
"""

from typing import TypeAlias, final

import msgspec


@final
class Fresh(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="fresh"):
    """Compute everything; ``reason`` says why nothing is reused."""

    reason: str


@final
class Copy(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="copy"):
    """Answer with the stored result of an identical request; no GPU work."""

    donor: int
    similarity: float = 1.0
    reason: str = "identical request"


@final
class Resume(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="resume"):
    """Full reuse: start from the donor's latent at step ``k1``, then denoise all of it.

    ``amplification`` is TGAA's largest factor on a token's attention weight, 1 = off.
    """

    donor: int
    similarity: float
    k1: int
    reason: str
    amplification: float = 1.0


@final
class Regional(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="regional"):
    """Full reuse up to ``k1``, SRD with TGAA up to ``k2``, then repair.

    ``active_share`` is the predicted share of the latent that SRD computes, in (0, 1);
    ``amplification`` is TGAA's largest factor on a token's attention weight, 1 = off. Where it is
    ``renoised`` the donor's latents are made from its final one and the seed of its noise.
    """

    donor: int
    similarity: float
    k1: int
    k2: int
    active_share: float
    amplification: float
    reason: str
    renoised: bool = False


Plan: TypeAlias = Fresh | Copy | Resume | Regional

#: The kinds in the order of every table: least work first.
PLAN_KINDS = ("copy", "regional", "resume", "fresh")


def reused_steps(plan: Plan) -> tuple[int, int]:
    """Return ``(k1, k2)``; equal where there is no SRD, zero where nothing is skipped."""
    if type(plan) is Regional:
        return plan.k1, plan.k2
    if type(plan) is Resume:
        return plan.k1, plan.k1
    return 0, 0


def kind_of(plan: Plan) -> str:
    """Return the plan's kind, one of ``PLAN_KINDS``."""
    return _KIND_OF[type(plan)]


_KIND_OF: dict[type, str] = {
    Copy: "copy",
    Regional: "regional",
    Resume: "resume",
    Fresh: "fresh",
}
