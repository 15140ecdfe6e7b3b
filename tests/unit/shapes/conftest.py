import pytest
import torch

from chorus_runtime.shapes import ModelConfig, TrainConfig, build_model


@pytest.fixture(autouse=True)
def one_thread():
    """Bitwise claims hold for one thread, and spinning threads starve the tests beside this one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def micro():
    """A configuration that trains in seconds."""
    return TrainConfig(
        model=ModelConfig(width=32, layers=2, heads=2, text_layers=1),
        batch=8,
        muon_lr=1e-2,
        adam_lr=1e-2,
    )


@pytest.fixture
def tiny(micro):
    """An untrained model of the smallest size."""
    return build_model(micro.model, seed=3)
