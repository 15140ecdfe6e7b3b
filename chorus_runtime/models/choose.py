"""Which model serves a diffusers pipeline."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import LTXPipeline, WanPipeline

from chorus_runtime.models.ltx_pipeline import LtxVideo
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.models.wan_pipeline import WanVideo
from chorus_runtime.settings import EngineSettings
from chorus_runtime.solver import Solver
from chorus_traces.errors import EngineError


def model_of(pipe: Any, settings: EngineSettings, text_tokens: int | None = None) -> VideoModel:
    """Return the pipeline as a model that can be served.

    ``text_tokens`` is the pipeline's ``max_sequence_length``, ``None`` for its default. Raises
    ``EngineError`` for any pipeline but ``WanPipeline`` and ``LTXPipeline`` themselves: one that
    inherits from them does something else.
    """
    made = _MODELS.get(type(pipe))
    if made is None:
        raise EngineError(
            f"{type(pipe).__name__} is not supported; a diffusers WanPipeline or LTXPipeline is "
            "needed"
        )
    lacking = [name for name in _NEEDED if getattr(pipe, name, None) is None]
    if lacking:
        raise EngineError(
            f"the pipeline has no {lacking[0]}; load it with every part before attaching"
        )
    # Making a solver checks the scheduler now rather than at the first request.
    Solver(pipe.scheduler, 2, torch.device("cpu"), mu=1.0)
    return made(pipe, settings) if text_tokens is None else made(pipe, settings, text_tokens)


_MODELS: dict[type, Callable[..., VideoModel]] = {WanPipeline: WanVideo, LTXPipeline: LtxVideo}

_NEEDED = ("transformer", "text_encoder", "tokenizer", "vae", "scheduler")
