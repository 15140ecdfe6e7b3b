"""``release``: from checkpoints to what is shipped: weights, accuracies, card, frame sheet."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_runtime.shapes.card import model_card
from chorus_runtime.shapes.checkpoint import read_checkpoint
from chorus_runtime.shapes.clip_io import write_sheet
from chorus_runtime.shapes.config import TrainConfig
from chorus_runtime.shapes.evaluate import Share, evaluate, evaluation_prompts
from chorus_runtime.shapes.model import Sampling, ShapesModel
from chorus_runtime.shapes.sample import sample
from chorus_runtime.shapes.train import CHECKPOINT, CURVES, trained
from chorus_runtime.shapes.weights import read_manifest, save_shapes
from chorus_traces.errors import EngineError

CARD = "MODEL_CARD.md"
# 14 MiB for all variants together: what a repository may carry.
LIMIT_BYTES = 14 * 2**20
_CURVE_POINTS = 12
_SHEET_PROMPTS = 6


def release(
    run: Path,
    folder: Path,
    *,
    prompts: int = 500,
    device: str = "cpu",
    guidance: float = 3.0,
    notes: str = "",
) -> dict[str, dict[str, Share]]:
    """Enter the model of a training run into a weights folder and write the card anew.

    A base run becomes the variant "50step", a distilled one "4step". Each is evaluated on
    ``prompts`` captions with one figure and as many with two, with the settings it will be loaded
    with. ``notes`` go onto the card. Returns the accuracies by "one figure" and "two figures".

    Raises ``EngineError``: no checkpoint in ``run``, or the variants would pass 14 MiB together.
    """
    state = read_checkpoint(run / CHECKPOINT)
    config = msgspec.convert(state["config"], TrainConfig)
    variant = "50step" if config.distil is None else "4step"
    model = _with_sampling(_round(trained(run / CHECKPOINT, device)), config, guidance)
    _check_size(model, variant, folder)
    accuracy = {
        name: evaluate(model, evaluation_prompts(prompts, pairs=pairs))
        for name, pairs in (("one figure", 0.0), ("two figures", 1.0))
    }
    recipe: dict[str, Any] = {
        "config": msgspec.to_builtins(config),
        "steps": state["step"],
        "samples": state["step"] * config.batch,
        "spent_s": round(state["spent_s"], 1),
        "notes": notes,
        "curve": _curve(run / CURVES),
        "accuracy": msgspec.to_builtins(accuracy),
    }
    save_shapes(model, variant, folder, recipe)
    shown = evaluation_prompts(_SHEET_PROMPTS, pairs=0.0) + evaluation_prompts(2, pairs=1.0)
    write_sheet(
        folder / f"sheet-{variant}.png", list(sample(model, shown, list(range(len(shown)))))
    )
    (folder / CARD).write_text(model_card(read_manifest(folder)), encoding="utf-8")
    return accuracy


def _with_sampling(model: ShapesModel, config: TrainConfig, guidance: float) -> ShapesModel:
    distil = config.distil
    sampling = (
        Sampling(steps=50, guidance=guidance, shift=1.0)
        if distil is None
        else Sampling(steps=distil.student_steps, guidance=1.0, shift=distil.shift)
    )
    return ShapesModel(
        config=model.config,
        sampling=sampling,
        tokenizer=model.tokenizer,
        text_encoder=model.text_encoder,
        transformer=model.transformer,
        codec=model.codec,
    )


def _round(model: ShapesModel) -> ShapesModel:
    """Return the model with the precision it is shipped in, so that this is what is evaluated."""
    with torch.no_grad():
        for parameter in model.parameters().values():
            parameter.copy_(parameter.half())
    return model


def _check_size(model: ShapesModel, variant: str, folder: Path) -> None:
    new = 2 * sum(parameter.numel() for parameter in model.parameters().values())
    others = sum(e.size_bytes for name, e in read_manifest(folder).items() if name != variant)
    if new + others > LIMIT_BYTES:
        raise EngineError(
            f"{folder}: {new} bytes of {variant} and {others} of the rest pass {LIMIT_BYTES}; "
            "train a smaller model or release into another folder"
        )


def _curve(path: Path) -> list[dict[str, float]]:
    """Return the training curve as means over equal parts of the run."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    length = max(1, math.ceil(len(lines) / _CURVE_POINTS))
    parts = [lines[start : start + length] for start in range(0, len(lines), length)]
    return [
        {
            "samples": part[-1]["samples"],
            "minutes": round(part[-1]["spent_s"] / 60, 1),
            "loss": round(sum(line["loss"] for line in part) / len(part), 4),
            "pairs": part[-1]["pairs"],
        }
        for part in parts
    ]
