"""Provenance: how a clip was made, told to whoever asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from chorus_policies.plan import Copy, Fresh, Plan, kind_of, reused_steps
from chorus_policies.policy import Policy
from chorus_runtime.asked import Asked
from chorus_runtime.carry_out import Carried
from chorus_runtime.facts import Facts
from chorus_runtime.store.kept import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a clip was made.

    ``plan`` was carried out and ``asked`` is what the policy answered; where they differ,
    ``fallback`` says why. ``donor_prompt`` is empty without a donor. ``seconds`` are those of each
    stage, by the names of a profile. ``stored`` is the tier the result went to, or why it went to
    none, empty as long as it was not offered. ``facts`` are the engine's, ``None`` for a copy.
    ``load_bytes`` were read from the donor and ``store_bytes`` handed to the store.
    """

    key: int
    seed: int
    plan: Plan
    asked: Plan
    fallback: str
    donor_prompt: str
    policy: str
    fingerprint: str
    seconds: Mapping[str, float]
    stored: str
    notes: tuple[str, ...]
    facts: Facts | None
    load_bytes: int
    store_bytes: int = 0

    @property
    def kind(self) -> str:
        """Kind of the plan carried out: copy, regional, resume or fresh."""
        return kind_of(self.plan)

    @property
    def donor(self) -> int | None:
        """Key of the entry reused, ``None`` for a fresh run."""
        return None if isinstance(self.plan, Fresh) else self.plan.donor

    @property
    def similarity(self) -> float:
        """Cosine between the two prompts, 0 for a fresh run."""
        return 0.0 if isinstance(self.plan, Fresh) else self.plan.similarity

    @property
    def k1(self) -> int:
        """Steps taken over from the donor as they are."""
        return reused_steps(self.plan)[0]

    @property
    def k2(self) -> int:
        """End of SRD; equal to ``k1`` where there was none."""
        return reused_steps(self.plan)[1]

    @property
    def active_share(self) -> float:
        """Share of the latent that SRD computed, 0 where it did not happen."""
        return 0.0 if self.facts is None else self.facts.active_share

    @property
    def reason(self) -> str:
        """Why this plan, in words."""
        return self.plan.reason

    @property
    def total_s(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())


def copied(asked: Asked, plan: Copy, kept: Kept, policy: Policy) -> Provenance:
    """Return the provenance of a request that was answered with a stored result."""
    return Provenance(
        key=asked.query.sequence,
        seed=kept.facts.seed,
        plan=plan,
        asked=plan,
        fallback=asked.fallback,
        donor_prompt=kept.facts.prompt,
        policy=policy.name,
        fingerprint=policy.fingerprint,
        seconds=dict(asked.watch.seconds),
        stored="a copy adds nothing",
        notes=tuple(asked.notes),
        facts=None,
        load_bytes=kept.finished.nbytes,
    )


def computed(asked: Asked, plan: Plan, done: Carried, policy: Policy) -> Provenance:
    """Return the provenance of a run not yet offered; ``plan`` is what the policy answered."""
    return Provenance(
        key=asked.query.sequence,
        seed=asked.seed,
        plan=done.plan,
        asked=plan,
        fallback=asked.fallback,
        donor_prompt="" if done.donor is None else done.donor.facts.prompt,
        policy=policy.name,
        fingerprint=policy.fingerprint,
        seconds=dict(asked.watch.seconds),
        stored="",
        notes=tuple(asked.notes),
        facts=done.generated.facts,
        load_bytes=0 if done.donor is None else done.donor.size_bytes,
    )
