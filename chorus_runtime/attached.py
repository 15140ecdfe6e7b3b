"""``attach``: serve a diffusers pipeline with reuse, without changing anything about it."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch

from chorus_policies.policy import Policy
from chorus_runtime.alignment.compare import Comparer
from chorus_runtime.models.choose import model_of
from chorus_runtime.observer import StepDone, nobody
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.result import Result
from chorus_runtime.service import Chorus
from chorus_runtime.settings import EngineSettings
from chorus_runtime.store.tiers import store_place
from chorus_traces.errors import EngineError
from chorus_traces.request import Request


def attach(
    pipe: Any,
    *,
    policy: str | Policy = "adaptive",
    cache: str | Mapping[str, str] = "64GiB",
    store: Path | str | None = None,
    embedder: PromptEmbedder | None = None,
    comparer: Comparer | None = None,
    settings: EngineSettings | None = None,
    tenants: str = "separate",
    text_tokens: int | None = None,
) -> "Attached":
    """Return ``pipe``, a ``WanPipeline`` or ``LTXPipeline``, as a callable that reuses latents.

    Use it in a ``with`` statement: leaving it writes the store. The pipeline keeps working as it
    did. Its parts are taken as they are now, LoRA adapters excepted, which are looked at for each
    request. Arguments are those of ``Chorus``; ``text_tokens`` is ``max_sequence_length``. Raises
    ``EngineError`` naming what is supported for any other pipeline or scheduler.
    """
    model = model_of(pipe, settings or EngineSettings(), text_tokens)
    chorus = Chorus(
        model,
        policy=policy,
        cache=cache,
        store=store_place(store) if isinstance(store, str) else store,
        embedder=embedder,
        comparer=comparer,
        tenants=tenants,
    )
    return Attached(chorus)


class Attached:
    """Calls like the pipeline's, answered by a ``Chorus``."""

    def __init__(self, chorus: Chorus) -> None:
        self.chorus = chorus
        self._numbers = count()

    def __enter__(self) -> "Attached":
        return self

    def __exit__(self, *exception: object) -> None:
        self.chorus.close()

    def __call__(
        self,
        prompt: str,
        *,
        negative_prompt: str | None = None,
        height: int | None = None,
        width: int | None = None,
        num_frames: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        tenant: str | None = None,
        output_type: str = "np",
        observer: Callable[[StepDone], None] = nobody,
    ) -> Result:
        """Return the result of one prompt; ``.frames`` is what the pipeline would return.

        What is left out is the pipeline's default. Without ``seed`` or ``generator`` every call
        makes something new. Raises ``EngineError`` for what cannot be served.
        """
        if generator is not None:
            seed = _seed_of(generator, seed)
        request = Request(
            id=f"call-{next(self._numbers)}",
            arrival_s=0.0,
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            height=height,
            width=width,
            frames=num_frames,
            steps=num_inference_steps,
            guidance=guidance_scale,
            tenant=tenant,
        )
        return self.chorus.generate(request, output_type=output_type, observer=observer)


def _seed_of(generator: torch.Generator, seed: int | None) -> int:
    """Return the seed of a generator that has drawn nothing yet."""
    if seed is not None:
        raise EngineError("seed and generator say the same thing; give one of them")
    fresh = torch.Generator().manual_seed(generator.initial_seed())
    used = generator.device.type != "cpu" or not torch.equal(
        generator.get_state(), fresh.get_state()
    )
    if used:
        raise EngineError(
            "the generator is not on the CPU or has drawn already, so its noise could not be made "
            "again; give seed=, or torch.Generator().manual_seed(...)"
        )
    return int(generator.initial_seed())
