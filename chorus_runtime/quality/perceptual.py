"""LPIPS: how different two clips look to a network that was taught by people's judgements.

Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", CVPR 2018, as torchmetrics has it: the package ``lpips`` itself had its last
release in 2021. The linear layers come with torchmetrics; the backbone's weights are torchvision's.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from chorus_traces.errors import EngineError, unknown

#: The backbones, and torchvision's names of them.
_NETS = {"alex": "alexnet", "squeeze": "squeezenet1_1", "vgg": "vgg16"}

#: Frames in one pass. More is faster on a GPU and takes more memory.
_BATCH = 16


class Perceptual:
    """LPIPS of a clip against full compute, the mean over frames; 0 for equal clips.

    ``source`` is ``NET`` or ``NET:WEIGHTS``: alex, squeeze or vgg, and the file with its ImageNet
    weights as torchvision releases it. Without a file torchvision looks in its own cache and
    downloads what is not there. Raises ``EngineError`` where the weights are missing, and
    ``ModuleNotFoundError`` where torchmetrics or torchvision is.
    """

    name = "lpips"

    def __init__(self, source: str, device: str | torch.device = "cpu") -> None:
        net, _, weights = source.partition(":")
        if net not in _NETS:
            raise EngineError(f"--lpips {source}: {unknown('network', net, _NETS)}")
        self.source = source
        self._device = torch.device(device)
        metric = _metric_class()
        try:
            with _weights_at(_NETS[net], Path(weights) if weights else None):
                self._metric = metric(net_type=net, normalize=True)
        except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise EngineError(
                f"--lpips {source}: the weights of {_NETS[net]} cannot be loaded ({reason}); "
                f"give the file torchvision releases, as {net}:FILE"
            ) from error
        self._metric.to(self._device).eval()

    def __call__(self, clip: torch.Tensor, full: torch.Tensor, caption: str) -> float:
        """Return the distance of two clips; the caption is not looked at."""
        del caption
        total = 0.0
        for start in range(0, len(clip), _BATCH):
            one, other = (self._images(c[start : start + _BATCH]) for c in (clip, full))
            with torch.no_grad():
                total += float(self._metric(one, other)) * len(one)
        self._metric.reset()
        return total / len(clip)

    def _images(self, frames: torch.Tensor) -> torch.Tensor:
        return frames.permute(0, 3, 1, 2).float().clamp(0, 1).to(self._device)


def _metric_class() -> Any:
    # Said here by its name: torchmetrics says only what it wants it for.
    import_module("torchvision")
    return import_module("torchmetrics.image.lpip").LearnedPerceptualImagePatchSimilarity


@contextmanager
def _weights_at(net: str, weights: Path | None) -> Iterator[None]:
    """Let torchvision find a file as if it had downloaded it; ``None`` changes nothing."""
    if weights is None:
        yield
        return
    # Read without running what a pickle may hold: torchvision itself would.
    state = torch.load(weights, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise EngineError(f"{weights}: {type(state).__name__}; a dictionary of weights is needed")
    expected = import_module("torchvision.models").get_model_weights(net).DEFAULT.url
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoints" / expected.rsplit("/", 1)[-1]
        checkpoint.parent.mkdir()
        torch.save(state, checkpoint)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
