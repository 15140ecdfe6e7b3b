"""The two losses: rectified flow from data, and distillation of guided steps into few.

Rectified flow: Liu et al. 2023, arXiv 2209.03003. Guided distillation: Meng et al. 2023, arXiv
2210.03142; here a student step learns the mean velocity of several guided teacher steps, from
noised data, with the guidance built in, so that the student needs one forward pass a step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from chorus_runtime.shapes.batches import Batch
from chorus_runtime.shapes.config import DistilConfig, TrainConfig
from chorus_runtime.shapes.model import ShapesModel
from chorus_runtime.shapes.render import render_layout
from chorus_runtime.shapes.sample import guided, integrate, predict, sigmas

Forward = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Loss = Callable[[Batch], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    data: torch.Tensor
    noise: torch.Tensor
    chance: torch.Tensor
    ids: torch.Tensor


def flow_loss(config: TrainConfig, model: ShapesModel, forward: Forward) -> Loss:
    """Return the rectified-flow loss: mean square of the velocity's error."""

    def loss(batch: Batch) -> torch.Tensor:
        drawn = _draw(model, batch)
        sigma = torch.sigmoid(config.time_mean + config.time_std * drawn.chance)
        text = model.text_encoder(drawn.ids)
        out = forward(_mixed(drawn, sigma), 1000 * sigma, text)
        return (out.float() - (drawn.noise - drawn.data)).square().mean()

    return loss


def distil_loss(
    config: DistilConfig, model: ShapesModel, forward: Forward, teacher: ShapesModel
) -> Loss:
    """Return the loss of the student's one step against ``teacher_steps`` guided ones.

    Each clip of a batch starts at one of the student's noise levels, each as often.
    """
    levels = sigmas(config.student_steps, config.shift)

    def loss(batch: Batch) -> torch.Tensor:
        drawn = _draw(model, batch)
        device = drawn.data.device
        place = torch.arange(len(drawn.data), device=device) % config.student_steps
        begin = torch.tensor(levels, device=device)[place]
        end = torch.tensor(levels, device=device)[place + 1]
        start = _mixed(drawn, begin)
        with torch.no_grad():
            velocity = guided(
                teacher,
                teacher.text_encoder(drawn.ids),
                teacher.encode_text([""]),
                config.guidance,
            )
            # The teacher's steps are equal parts of each clip's own interval, run as time 1 -> 0.
            ratio = (begin - end)[:, None, None, None, None]
            carried = integrate(
                lambda latents, part: ratio * velocity(latents, end + part * (begin - end)),
                start,
                sigmas(config.teacher_steps),
            )
            wanted = (start - carried) / ratio
        text = model.text_encoder(drawn.ids)
        return (forward(start, 1000 * begin, text).float() - wanted).square().mean()

    return loss


def plain_forward(model: ShapesModel) -> Forward:
    """Return the transformer as a function of (latents, time, text)."""
    return lambda latents, time, text: predict(model, latents, time, text)


def _draw(model: ShapesModel, batch: Batch) -> _Drawn:
    device = model.transformer.device
    frames, _ = render_layout(batch.layout, device)
    data = model.codec.encode(frames)
    generator = torch.Generator(device).manual_seed(batch.noise_seed)
    chance = torch.randn(len(data), generator=generator, device=device)
    noise = torch.randn(data.shape, generator=generator, device=device)
    return _Drawn(data=data, noise=noise, chance=chance, ids=batch.ids.to(device))


def _mixed(drawn: _Drawn, sigma: torch.Tensor) -> torch.Tensor:
    share = sigma[:, None, None, None, None]
    return (1 - share) * drawn.data + share * drawn.noise
