"""A plain Euler sampler of the flow, for evaluation and for the distillation's teacher."""

import itertools
from collections.abc import Callable

import torch

from chorus_runtime.shapes.model import ShapesModel

Velocity = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def sigmas(steps: int, shift: float = 1.0) -> list[float]:
    """Return the ``steps`` + 1 noise levels from 1 to 0.

    Equal parts of [0, 1], shifted to ``shift * s / (1 + (shift - 1) * s)`` as flow-match schedulers
    do; give the first ``steps`` of them to a scheduler's ``set_timesteps`` with its own shift at 1.
    """
    even = [1 - step / steps for step in range(steps + 1)]
    return [shift * s / (1 + (shift - 1) * s) for s in even]


def noise(model: ShapesModel, seeds: list[int]) -> torch.Tensor:
    """Return starting latents, one seed each; a clip's noise does not depend on its batch."""
    shape = model.latent_shape(1)
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.cat(drawn).to(model.transformer.device)


def guided(
    model: ShapesModel, text: torch.Tensor, empty: torch.Tensor, guidance: float
) -> Velocity:
    """Return the classifier-free guided velocity of (latents, sigma of each clip).

    Text states are (batch, LENGTH, width) for the prompt and for no prompt; guidance 1 takes one
    forward pass, any other value a batch of two.
    """

    def velocity(latents: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        time = 1000 * sigma
        if guidance == 1:
            return predict(model, latents, time, text)
        both = predict(
            model,
            torch.cat([latents, latents]),
            torch.cat([time, time]),
            torch.cat([text, empty.expand_as(text)]),
        )
        with_text, without = both.chunk(2)
        return without + guidance * (with_text - without)

    return velocity


def predict(
    model: ShapesModel, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor
) -> torch.Tensor:
    """Return the transformer's velocity in float32."""
    out: torch.Tensor = model.transformer(latents, time, text, return_dict=False)[0]
    return out.float()


def integrate(velocity: Velocity, latents: torch.Tensor, levels: list[float]) -> torch.Tensor:
    """Return the latents carried by Euler steps along the noise levels."""
    for level, following in itertools.pairwise(levels):
        sigma = torch.full((len(latents),), level, device=latents.device)
        latents = latents + (following - level) * velocity(latents, sigma)
    return latents


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch is untyped for mypy in this project
def sample(
    model: ShapesModel,
    prompts: list[str],
    seeds: list[int],
    *,
    steps: int | None = None,
    guidance: float | None = None,
    shift: float | None = None,
) -> torch.Tensor:
    """Return frames (prompts, frames, height, width, 3) in [0, 1] on the CPU.

    What is not given is the variant's own setting.
    """
    own = model.sampling
    text = model.encode_text(prompts)
    empty = model.encode_text([""])
    velocity = guided(model, text, empty, own.guidance if guidance is None else guidance)
    levels = sigmas(own.steps if steps is None else steps, own.shift if shift is None else shift)
    return model.codec.decode(integrate(velocity, noise(model, seeds), levels)).cpu()
