"""A small shapes model with random weights, and what a study of it is made of."""

import pytest
import torch

from chorus_runtime.models.shapes_model import ShapesVideo
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes import ModelConfig, Sampling, build_model


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(before)


@pytest.fixture
def video():
    """Return a served model of six steps whose clips show something."""
    model = build_model(
        ModelConfig(width=32, layers=1, heads=2, text_layers=1), sampling=Sampling(steps=6)
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters().values():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return ShapesVideo(model, "shapes", EngineSettings(guidance_passes="batched"))
