"""The training configuration: one TOML file, every number with the reason for its direction."""

import re
from pathlib import Path
from typing import Literal

import msgspec

from chorus_runtime.shapes.model import ModelConfig
from chorus_traces.errors import EngineError, unknown


class DistilConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the few-step student is made; read only where ``stage`` is "distil"."""

    # Checkpoint of the teacher, whose averaged weights are used.
    teacher: str
    student_steps: int = 4
    # Guided teacher steps inside one student step; more is truer to the teacher and slower.
    teacher_steps: int = 4
    guidance: float = 3.0
    shift: float = 1.5


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a training run depends on besides its budget."""

    stage: Literal["base", "distil"] = "base"
    model: ModelConfig = ModelConfig()
    distil: DistilConfig | None = None
    seed: int = 0
    batch: int = 64
    # Muon's rate for the matrices of the blocks and Adam's for everything else; too high diverges.
    muon_lr: float = 2e-3
    adam_lr: float = 1e-3
    # Share of the run with a rising rate, and share at its end with a falling one.
    warm_share: float = 0.02
    decay_share: float = 0.6
    # Decay of the averaged weights; nearer to 1 is smoother and lags more.
    ema: float = 0.999
    # Share of captions left empty, which guidance needs.
    caption_drop: float = 0.1
    # Times are the logistic of a normal: a larger mean spends more of the run on noisy latents.
    time_mean: float = 0.4
    time_std: float = 1.2
    # Curriculum: share of two-figure scenes, the progress at which they start and are all there.
    pairs: float = 0.5
    pairs_start: float = 0.3
    pairs_full: float = 0.6
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    # "math" writes attention out: on CPUs twice as fast as the fused kernel's backward pass.
    attention: Literal["fused", "math"] = "fused"
    # Seconds between checkpoints: what a killed run loses at most.
    checkpoint_s: float = 120.0
    # Processes that draw scenes ahead; 0 draws them in the training process.
    workers: int = 0


def read_config(path: Path) -> TrainConfig:
    """Return the configuration in a TOML file.

    Raises ``EngineError``: the file is not there, is not TOML, or has an unknown key or a wrong
    value.
    """
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=TrainConfig)
    except OSError as error:
        raise EngineError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise EngineError(f"{path}: {_explained(str(error))}") from error
    except msgspec.DecodeError as error:
        raise EngineError(f"{path}: not TOML: {error}") from error
    check_config(config, str(path))
    return config


def check_config(config: TrainConfig, where: str = "training configuration") -> None:
    """Raise ``EngineError`` for parts that contradict each other."""
    if (config.stage == "distil") != (config.distil is not None):
        raise EngineError(
            f"{where}: stage {config.stage!r} and the table [distil] go together only"
        )
    width, heads = config.model.width, config.model.heads
    if width % 4 != 0 or width % (2 * heads) != 0:
        raise EngineError(
            f"{where}: width {width} must be a multiple of 4 and of 2 x {heads} heads"
        )
    if config.model.span not in (2, 4):
        raise EngineError(f"{where}: span {config.model.span}; needed 2 or 4")


def _explained(message: str) -> str:
    match = re.search(r"unknown field `(\w+)`(?: - at `\$\.?(\w*)`)?", message)
    if not match:
        return message
    table = {"model": ModelConfig, "distil": DistilConfig}.get(match.group(2) or "", TrainConfig)
    return unknown("key", match.group(1), table.__struct_fields__)
