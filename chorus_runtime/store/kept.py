"""What the latent store keeps of one result: its latents in bfloat16, and the facts beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from chorus_policies.entry import Query
from chorus_policies.plan import Copy, Fresh, Regional, Resume
from chorus_runtime.donor import Donor
from chorus_runtime.noise import Seeds

#: What latents are kept in: half of float32, and the range of it.
LATENT_DTYPE = torch.bfloat16


class KeptFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a result that is no tensor.

    ``seed`` is the request's; ``noise_seed`` is that of the noise its path started from, which for
    a result made with reuse is the donor's. ``sigmas`` are the noise levels before each step and
    after the last. ``plan`` is how it was made and ``cost_s`` what that took. The other fields
    are the query's, so that a cache can be filled again after a restart. ``tenant``, ``model`` and
    ``born_s`` (seconds since 1970) are what an operator names entries by. ``step_span`` is the
    first and last step whose latents were kept, ``None`` where none were. What is younger than the
    first stores has a default: in an entry of such a store it is unknown.
    """

    namespace: str
    identity: str | None
    prompt: str
    seed: int
    noise_seed: Seeds
    sigmas: tuple[float, ...]
    plan: Fresh | Copy | Resume | Regional
    cost_s: float
    steps: int
    latent_bytes: int
    result_bytes: int
    marks: tuple[str, ...]
    step_s: float
    srd_full_every: int
    tenant: str = ""
    model: str = ""
    born_s: float = 0.0
    user: str | None = None
    step_span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry: ``finished`` and the latents before some steps, all of one shape.

    Shapes are ``(batch, channels, frames, height, width)``; ``embedding`` is ``(width,)`` of length
    1, float32. An entry whose step latents were dropped still serves full reuse: its noise can be
    made again.
    """

    key: int
    facts: KeptFacts
    embedding: npt.NDArray[np.float32]
    finished: torch.Tensor
    steps: Mapping[int, torch.Tensor]

    def has_step(self, step: int) -> bool:
        """Tell whether the latent before ``step`` is there; that after the last one always is."""
        return step in self.steps or step == self.facts.steps

    @property
    def size_bytes(self) -> int:
        """Bytes of all latents."""
        return sum(latent.nbytes for latent in (self.finished, *self.steps.values()))

    def trimmed(self) -> "Kept":
        """Return the entry without its step latents."""
        return replace(self, steps={})

    def on(self, device: torch.device, *, pin: bool = False) -> "Kept":
        """Return the entry with its latents on ``device``; ``pin`` puts them into pinned memory."""

        def moved(latent: torch.Tensor) -> torch.Tensor:
            there = latent.to(device)
            return there.pin_memory() if pin and not there.is_pinned() else there

        return replace(
            self,
            finished=moved(self.finished),
            steps={step: moved(latent) for step, latent in self.steps.items()},
        )

    def donor(self) -> Donor:
        """Return what a request can start from: the stored steps, and the compact form."""
        sigmas = self.facts.sigmas
        stored = {sigmas[step]: latent for step, latent in self.steps.items()}
        return Donor(
            latents=stored | {sigmas[-1]: self.finished},
            finished=self.finished,
            seed=self.facts.noise_seed,
        )


def query_of(key: int, facts: KeptFacts, embedding: npt.NDArray[np.float32]) -> Query:
    """Return the query that left behind the entry with these facts."""
    return Query(
        sequence=key,
        namespace=facts.namespace,
        identity=facts.identity,
        steps=facts.steps,
        latent_bytes=facts.latent_bytes,
        result_bytes=facts.result_bytes,
        embedding=embedding,
        user=facts.user,
        marks=frozenset(facts.marks),
        step_s=facts.step_s,
        srd_full_every=facts.srd_full_every,
    )
