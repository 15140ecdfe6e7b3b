"""Entries of the latent store without a model."""

import numpy as np
import torch

from chorus_policies.plan import Fresh
from chorus_runtime.store import LATENT_DTYPE, Kept, KeptFacts

SHAPE = (1, 4, 2, 4, 4)


def entry(key: int, steps=(1, 2), seed: int | None = None, shape=SHAPE) -> Kept:
    generator = torch.Generator().manual_seed(key if seed is None else seed)

    def latent():
        return torch.randn(shape, generator=generator).to(LATENT_DTYPE)

    embedding = np.zeros(8, dtype=np.float32)
    embedding[key % 8] = 1
    return Kept(
        key=key,
        facts=KeptFacts(
            namespace="here",
            identity=f"id {key}",
            prompt=f"prompt {key} \u00e9",
            seed=key,
            noise_seed=key,
            sigmas=(1.0, 0.75, 0.5, 0.25, 0.0),
            plan=Fresh(reason="test"),
            cost_s=1.5,
            steps=4,
            latent_bytes=256,
            result_bytes=0,
            marks=("count 2 car",),
            step_s=0.5,
            srd_full_every=4,
        ),
        embedding=embedding,
        finished=latent(),
        steps={step: latent() for step in steps},
    )


def same(one: Kept, other: Kept) -> bool:
    return (
        (one.key, one.facts) == (other.key, other.facts)
        and np.array_equal(one.embedding, other.embedding)
        and torch.equal(one.finished, other.finished)
        and one.steps.keys() == other.steps.keys()
        and all(torch.equal(latent, other.steps[step]) for step, latent in one.steps.items())
    )
