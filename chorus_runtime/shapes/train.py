"""``train``: one resumable run of the base model or of its few-step student.

A batch is a function of its number, so the state of a run is its weights, its optimisers, the
number of batches done and the seconds spent. A run that is killed goes on from its last checkpoint;
with a budget in steps it ends, on one CPU thread, bit-equal to one that was never interrupted.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import msgspec
import torch

from chorus_runtime.clock import Clock
from chorus_runtime.shapes.batches import stream
from chorus_runtime.shapes.checkpoint import read_checkpoint, write_checkpoint
from chorus_runtime.shapes.config import TrainConfig, check_config
from chorus_runtime.shapes.model import ShapesModel, build_model
from chorus_runtime.shapes.objective import Loss, distil_loss, flow_loss, plain_forward
from chorus_runtime.shapes.optimise import Optimiser, decay_at, make_optimiser, rate_at
from chorus_traces.errors import EngineError

CHECKPOINT = "checkpoint.pt"
CURVES = "curves.jsonl"
_REPORT_STEPS = 20
_CLOCK = Clock().now


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where a call of ``train`` ended; ``finished`` is False where it was paused."""

    steps: int
    samples: int
    spent_s: float
    loss: float
    finished: bool


@dataclass(slots=True, kw_only=True)
class _Run:
    config: TrainConfig
    steps: int | None
    seconds: float | None
    step: int = 0
    spent_s: float = 0.0
    loss: float = float("nan")
    recent: list[torch.Tensor] = field(default_factory=list)

    def progress(self) -> float:
        if self.steps is not None:
            return self.step / self.steps
        return min(1.0, self.spent_s / (self.seconds or 1.0))

    def pairs(self) -> float:
        config = self.config
        rise = max(1e-9, config.pairs_full - config.pairs_start)
        return config.pairs * min(1.0, max(0.0, self.progress() - config.pairs_start) / rise)


def train(
    config: TrainConfig,
    out: Path,
    device: str = "cpu",
    *,
    steps: int | None = None,
    seconds: float | None = None,
    resume: bool = True,
    pause_after_steps: int | None = None,
    pause_after_s: float | None = None,
    clock: Callable[[], float] = _CLOCK,
) -> Outcome:
    """Train until the budget (steps, or seconds over all calls) is spent or this call's pause.

    Writes ``checkpoint.pt`` and ``curves.jsonl`` (means over 20 steps a line) into ``out``. With
    ``resume`` a checkpoint there is taken up; without it the run starts over. The schedule follows
    the budget, so give every call of one run the same one.

    Raises ``EngineError``: not exactly one budget, a configuration that contradicts itself, or a
    checkpoint of another configuration.
    """
    check_config(config)
    if (steps is None) == (seconds is None):
        raise EngineError("training needs exactly one budget: steps or seconds")
    out.mkdir(parents=True, exist_ok=True)
    model = build_model(config.model, seed=config.seed, device=device)
    loss_of = _loss(config, model, device)
    optimiser = make_optimiser(config, model.parameters())
    run = _Run(config=config, steps=steps, seconds=seconds)
    if resume and (out / CHECKPOINT).exists():
        _take_up(run, optimiser, read_checkpoint(out / CHECKPOINT), out)
    first, begun, spent_before = run.step, clock(), run.spent_s
    saved, kind = begun, torch.device(device).type
    batches = stream(config, run.step, lambda _: run.pairs())
    with (out / CURVES).open("a" if run.step else "w") as curves, contextlib.closing(batches):
        while run.progress() < 1:
            if _paused(run, first, spent_before, pause_after_steps, pause_after_s):
                break
            rate = rate_at(config, run.progress())
            with torch.autocast(kind, torch.bfloat16, enabled=config.precision == "bf16"):
                loss = loss_of(next(batches))
            loss.backward()
            norm = optimiser.step(rate, decay_at(config, run.step))
            run.step += 1
            run.spent_s = spent_before + clock() - begun
            run.recent.append(loss.detach())
            if run.step % _REPORT_STEPS == 0:
                run.loss = float(torch.stack(run.recent).mean())
                run.recent.clear()
                _report(curves, run, norm, rate)
            if clock() - saved > config.checkpoint_s:
                write_checkpoint(out / CHECKPOINT, _state(run, optimiser))
                saved = clock()
    write_checkpoint(out / CHECKPOINT, _state(run, optimiser))
    return Outcome(
        steps=run.step,
        samples=run.step * config.batch,
        spent_s=run.spent_s,
        loss=run.loss,
        finished=run.progress() >= 1,
    )


def trained(path: Path, device: str = "cpu") -> ShapesModel:
    """Return the model of a checkpoint, with its averaged weights."""
    state = read_checkpoint(path)
    config = msgspec.convert(state["config"], TrainConfig)
    model = build_model(config.model, device=device)
    with torch.no_grad():
        for name, parameter in model.parameters().items():
            parameter.copy_(state["optimiser"]["average"][name])
    return model


def _loss(config: TrainConfig, model: ShapesModel, device: str) -> Loss:
    if config.attention == "math":
        model.transformer.set_attention_backend("_native_math")
    forward = plain_forward(model)
    if config.compile:
        compiled = torch.compile(model.transformer, dynamic=False)

        def forward(latents: Any, time: Any, text: Any) -> Any:
            return compiled(latents, time, text, return_dict=False)[0]

    if config.distil is None:
        return flow_loss(config, model, forward)
    teacher = trained(Path(config.distil.teacher), device)
    if teacher.config != config.model:
        raise EngineError(
            f"{config.distil.teacher}: the teacher has another size: {teacher.config}"
        )
    with torch.no_grad():
        for name, parameter in model.parameters().items():
            parameter.copy_(teacher.parameters()[name])
    return distil_loss(config.distil, model, forward, teacher)


def _paused(
    run: _Run, first: int, spent_before: float, steps: int | None, seconds: float | None
) -> bool:
    if steps is not None and run.step - first >= steps:
        return True
    return seconds is not None and run.spent_s - spent_before >= seconds


def _state(run: _Run, optimiser: Optimiser) -> dict[str, Any]:
    return {
        "config": msgspec.to_builtins(run.config),
        "step": run.step,
        "spent_s": run.spent_s,
        "loss": run.loss,
        "optimiser": optimiser.state(),
    }


def _take_up(run: _Run, optimiser: Optimiser, state: dict[str, Any], out: Path) -> None:
    if msgspec.convert(state["config"], TrainConfig) != run.config:
        raise EngineError(
            f"{out / CHECKPOINT}: was made with another configuration; "
            "use that one, another folder, or resume=False"
        )
    optimiser.restore(state["optimiser"])
    run.step, run.spent_s, run.loss = state["step"], state["spent_s"], state["loss"]


def _report(curves: TextIO, run: _Run, norm: torch.Tensor, rate: float) -> None:
    line = {
        "step": run.step,
        "samples": run.step * run.config.batch,
        "spent_s": round(run.spent_s, 1),
        "loss": round(run.loss, 5),
        "norm": round(float(norm), 4),
        "rate": round(rate, 4),
        "pairs": round(run.pairs(), 3),
    }
    curves.write(json.dumps(line) + "\n")
    curves.flush()
