import json

import pytest
import torch

from chorus_runtime.shapes import (
    evaluate,
    evaluation_prompts,
    load_shapes,
    release,
    save_shapes,
    train,
    weights_folder,
)
from chorus_runtime.shapes.weights import read_manifest
from chorus_traces.errors import EngineError


@pytest.fixture
def folder(tiny, tmp_path):
    save_shapes(tiny, "50step", tmp_path, {"seed": 3})
    return tmp_path


def test_weights_come_back_as_they_were_saved_to_half_precision(tiny, folder):
    loaded = load_shapes("50step", folder=folder)
    assert loaded.config == tiny.config
    for name, value in loaded.parameters().items():
        assert torch.equal(value, tiny.parameters()[name].half().float())


def test_damaged_weights_are_refused(folder):
    path = folder / "shapes-50step.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"SHA-256 .* is not the manifest's .* damaged"):
        load_shapes("50step", folder=folder)


def test_missing_weights_are_refused(folder):
    with pytest.raises(EngineError, match="no weights of variant '4step'"):
        load_shapes("4step", folder=folder)
    (folder / "shapes-50step.safetensors").unlink()
    with pytest.raises(EngineError, match="weights are missing"):
        load_shapes("50step", folder=folder)


def test_a_damaged_manifest_is_refused(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(EngineError, match="not a manifest"):
        load_shapes("50step", folder=folder)


def test_weights_of_another_size_are_refused(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["50step"]["model"]["layers"] = 3
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineError, match="does not fit the manifest's model"):
        load_shapes("50step", folder=folder)


def test_an_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(EngineError, match="unknown shapes variant '8step'; known: 4step, 50step"):
        load_shapes("8step")


def test_a_release_writes_weights_card_and_sheet(micro, tmp_path):
    train(micro, tmp_path / "run", steps=20)
    folder = tmp_path / "weights"
    accuracy = release(tmp_path / "run", folder, prompts=2)
    assert accuracy["one figure"]["all"].trials == 2
    card = (folder / "MODEL_CARD.md").read_text()
    assert "Variant `50step`" in card
    assert "160 samples" in card
    assert (folder / "sheet-50step.png").is_file()
    assert read_manifest(folder)["50step"].recipe["samples"] == 160


@pytest.mark.parametrize("variant", sorted(read_manifest(weights_folder())))
def test_the_shipped_weights_draw_what_they_are_told(variant):
    model = load_shapes(variant)
    prompts = evaluation_prompts(40, pairs=0.5, seed=9)
    shares = evaluate(model, prompts, steps=min(10, model.sampling.steps))
    assert shares["relation"].trials > 10
    for attribute in ("colour", "motion", "background"):
        assert shares[attribute].share > 0.8, shares


def test_the_shipped_weights_fit_their_limit():
    assert sum(entry.size_bytes for entry in read_manifest(weights_folder()).values()) <= 14 * 2**20
