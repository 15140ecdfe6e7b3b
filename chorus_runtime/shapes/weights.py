"""The weights that are shipped: fp16 safetensors with a manifest of digests, as package data."""

import hashlib
import importlib.resources
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from chorus_runtime.shapes.model import ModelConfig, Sampling, ShapesModel, build_model
from chorus_traces.errors import EngineError, unknown

VARIANTS: Final = ("50step", "4step")

_MANIFEST = "manifest.json"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variant: its file, what it is, and how it was made."""

    file: str
    sha256: str
    size_bytes: int
    model: ModelConfig
    sampling: Sampling
    recipe: dict[str, Any]


def weights_folder() -> Path:
    """Return the folder of the shipped weights; the package must lie unpacked on disk."""
    return Path(str(importlib.resources.files("chorus_runtime.shapes") / "weights"))


def load_shapes(
    variant: str = "50step", device: str = "cpu", folder: Path | None = None
) -> ShapesModel:
    """Return a trained variant in float32, ready to sample.

    Raises ``EngineError``: an unknown variant, or weights that are absent or not those of the
    manifest.
    """
    if variant not in VARIANTS:
        raise EngineError(unknown("shapes variant", variant, VARIANTS))
    place = folder or weights_folder()
    entry = read_manifest(place).get(variant)
    if entry is None:
        raise EngineError(
            f"{place}: no weights of variant {variant!r}; train it and release it there"
        )
    path = place / entry.file
    if not path.is_file():
        raise EngineError(f"{path}: the weights are missing; install the package again")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256:
        raise EngineError(
            f"{path}: SHA-256 {digest[:12]} is not the manifest's {entry.sha256[:12]}; "
            "the file is damaged, install the package again"
        )
    return _filled(path, content, entry, device)


def save_shapes(model: ShapesModel, variant: str, folder: Path, recipe: dict[str, Any]) -> Entry:
    """Write a variant's weights as fp16 and enter them in the manifest; return the entry."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save(
        {
            name: parameter.detach().cpu().half().contiguous()
            for name, parameter in model.parameters().items()
        }
    )
    entry = Entry(
        file=f"shapes-{variant}.safetensors",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        model=model.config,
        sampling=model.sampling,
        recipe=recipe,
    )
    manifest = read_manifest(folder) | {variant: entry}
    _write(folder / entry.file, content)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    _write(folder / _MANIFEST, text)
    return entry


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the entries of the variants in a folder; none where there is no manifest."""
    path = folder / _MANIFEST
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Entry])
    except msgspec.MsgspecError as error:
        raise EngineError(f"{path}: not a manifest of shapes weights: {error}") from error


def _filled(path: Path, content: bytes, entry: Entry, device: str) -> ShapesModel:
    model = build_model(entry.model, device=device, sampling=entry.sampling)
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise EngineError(f"{path}: not a safetensors file: {error}") from error
    parameters = model.parameters()
    if tensors.keys() != parameters.keys():
        odd = sorted(tensors.keys() ^ parameters.keys())[0]
        raise EngineError(f"{path}: tensor {odd!r} does not fit the manifest's model")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if tensors[name].shape != parameter.shape:
                raise EngineError(f"{path}: tensor {name!r} has the shape of another model")
            parameter.copy_(tensors[name])
            parameter.requires_grad_(False)
    model.transformer.eval()
    model.text_encoder.eval()
    return model


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
