"""What a request leaves in the store: all of it when it is finished, its steps while in flight."""

from collections.abc import Mapping

import msgspec
import torch

from chorus_policies.plan import Plan
from chorus_runtime.asked import Asked
from chorus_runtime.carry_out import Carried
from chorus_runtime.clock import epoch_s
from chorus_runtime.noise import Seeds
from chorus_runtime.store.flying import Flying
from chorus_runtime.store.kept import LATENT_DTYPE, Kept, KeptFacts
from chorus_traces.errors import EngineError


def kept_of(asked: Asked, done: Carried, cost_s: float, *, steps: bool) -> Kept | None:
    """Return the entry of a finished run, ``None`` where its namespace is unknown.

    Without ``steps`` the latents that were recorded for others while it went on are left out.
    """
    query, generated, donor = asked.query, done.generated, done.donor
    if query.namespace is None:
        return None
    noise_seed = asked.seed if donor is None else donor.facts.noise_seed
    facts = _facts(asked, done.plan, generated.trajectory.sigmas, noise_seed, cost_s)
    recorded = generated.trajectory.latents if steps else {}
    if recorded:
        span = (min(recorded), max(recorded))
        facts = msgspec.structs.replace(facts, step_span=span)
    return Kept(
        key=query.sequence,
        facts=facts,
        embedding=query.embedding,
        finished=generated.latents.to(LATENT_DTYPE),
        steps={step: latent.to(LATENT_DTYPE) for step, latent in recorded.items()},
    )


def flying_of(
    asked: Asked,
    plan: Plan,
    sigmas: tuple[float, ...],
    noise_seed: Seeds,
    steps: Mapping[int, torch.Tensor],
) -> Flying:
    """Return what a run in flight shares."""
    cost_s = asked.query.step_s * asked.query.steps
    facts = _facts(asked, plan, sigmas, noise_seed, cost_s)
    return Flying(key=asked.query.sequence, facts=facts, steps=steps)


def _facts(
    asked: Asked, plan: Plan, sigmas: tuple[float, ...], noise_seed: Seeds, cost_s: float
) -> KeptFacts:
    query = asked.query
    if query.namespace is None:
        raise EngineError("a request of unknown namespace leaves nothing in the store")
    return KeptFacts(
        namespace=query.namespace,
        identity=query.identity,
        prompt=asked.request.prompt,
        seed=asked.seed,
        noise_seed=noise_seed,
        sigmas=sigmas,
        plan=plan,
        cost_s=cost_s,
        steps=query.steps,
        latent_bytes=query.latent_bytes,
        result_bytes=query.result_bytes,
        marks=tuple(sorted(query.marks)),
        step_s=query.step_s,
        srd_full_every=query.srd_full_every,
        tenant=asked.request.tenant or "",
        model=asked.shape.model,
        born_s=epoch_s(),
        user=query.user,
    )
