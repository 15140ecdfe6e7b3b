import sys

import click
import pytest
import torch

from chorus_runtime.quality.perceptual import Perceptual
from chorus_traces.command_line import run_command
from chorus_traces.errors import EngineError


@pytest.mark.parametrize("package", ["torchmetrics", "torchvision"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch, capsys, package):
    for name in ("torchmetrics", "torchvision"):
        monkeypatch.setitem(sys.modules, name, None if name == package else type(sys)(name))
    monkeypatch.setattr(sys, "argv", ["try"])
    with pytest.raises(SystemExit) as stop:
        run_command(click.Command("try", callback=lambda: Perceptual("alex")), "try")
    assert stop.value.code == 2
    needed = f"this needs the package {package}; pip install 'chorus-cache[perceptual]'"
    assert capsys.readouterr().err == f"try: {needed}\n"


def test_an_unknown_network_is_an_error():
    with pytest.raises(EngineError, match=r"unknown network 'alexnet'.*did you mean 'alex'"):
        Perceptual("alexnet:weights.pth")


@pytest.fixture
def weights(tmp_path):
    """Return a file of an AlexNet as torchvision saves it, with random weights."""
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    torch.manual_seed(0)
    path = tmp_path / "alex.pth"
    torch.save(models.alexnet(weights=None).state_dict(), path)
    return path


def test_lpips_by_weights_of_a_file_tells_clips_apart(weights):
    hub = torch.hub.get_dir()
    measure = Perceptual(f"alex:{weights}")
    assert torch.hub.get_dir() == hub
    clip = torch.rand(18, 32, 32, 3)
    near = (clip + 0.02 * torch.randn_like(clip)).clamp(0, 1)
    far = torch.rand(18, 32, 32, 3)
    assert measure(clip, clip, "") == 0
    assert 0 < measure(clip, near, "") < measure(clip, far, "")
    # The last batch is smaller: the mean is over frames all the same.
    frames = [measure(clip[at : at + 1], far[at : at + 1], "") for at in range(18)]
    assert measure(clip, far, "") == pytest.approx(sum(frames) / 18, rel=1e-4)


def test_a_file_without_the_weights_is_an_error(weights, tmp_path):
    with pytest.raises(EngineError, match="alexnet cannot be loaded"):
        Perceptual(f"alex:{tmp_path / 'missing.pth'}")
    weights.write_bytes(b"not weights")
    with pytest.raises(EngineError, match="alexnet cannot be loaded"):
        Perceptual(f"alex:{weights}")
    torch.save({"features.0.weight": torch.zeros(1)}, weights)
    with pytest.raises(EngineError, match="alexnet cannot be loaded"):
        Perceptual(f"alex:{weights}")
