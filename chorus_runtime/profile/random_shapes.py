"""The shapes model with random weights, for timings before it is trained."""

import torch

from chorus_runtime.models.shapes_model import ShapesVideo
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.model import ModelConfig, Sampling, build_model

_STEPS = {"shapes": Sampling(), "shapes-4step": Sampling(steps=4, guidance=1.0)}


def random_shapes(name: str, device: str) -> ShapesVideo:
    """Return an untrained model in which no layer is empty: it answers other than zero."""
    model = build_model(ModelConfig(), device=device, sampling=_STEPS[name])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters().values():
            if not bool(parameter.any()):
                drawn = 0.02 * torch.randn(parameter.shape, generator=generator)
                parameter.copy_(drawn)
    settings = EngineSettings(guidance_passes="batched")
    return ShapesVideo(model, name, settings)
