"""What a finished request leaves in the store."""

from chorus_runtime.asked import Asked
from chorus_runtime.carry_out import Carried
from chorus_runtime.store.kept import LATENT_DTYPE, Kept, KeptFacts


def kept_of(asked: Asked, done: Carried, cost_s: float) -> Kept | None:
    """Return the entry of a finished run, ``None`` where its namespace is unknown."""
    query, generated, donor = asked.query, done.generated, done.donor
    if query.namespace is None:
        return None
    facts = KeptFacts(
        namespace=query.namespace,
        identity=query.identity,
        prompt=asked.request.prompt,
        seed=asked.seed,
        noise_seed=asked.seed if donor is None else donor.facts.noise_seed,
        sigmas=generated.trajectory.sigmas,
        plan=done.plan,
        cost_s=cost_s,
        steps=query.steps,
        latent_bytes=query.latent_bytes,
        result_bytes=query.result_bytes,
        marks=tuple(sorted(query.marks)),
        step_s=query.step_s,
        srd_full_every=query.srd_full_every,
    )
    return Kept(
        key=query.sequence,
        facts=facts,
        embedding=query.embedding,
        finished=generated.latents.to(LATENT_DTYPE),
        steps={
            step: latent.to(LATENT_DTYPE) for step, latent in generated.trajectory.latents.items()
        },
    )
