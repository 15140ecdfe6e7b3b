"""Training batches as a pure function of (seed, number), drawn ahead by processes if wished.

No state of a random generator has to be saved: a run that resumes at batch n draws batch n again.
"""

import multiprocessing
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from chorus_runtime.shapes.caption import PHRASINGS, caption
from chorus_runtime.shapes.config import TrainConfig
from chorus_runtime.shapes.layout import Layout, lay_out
from chorus_runtime.shapes.scene import Scene, draw_scene
from chorus_runtime.shapes.tokenizer import Tokenizer

# Share of captions that leave the background open.
_OPEN_BACKGROUND = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """``ids`` (batch, LENGTH), the layouts to render, and the seed of the batch's noise."""

    ids: torch.Tensor
    layout: Layout
    noise_seed: int


def draw_batch(config: TrainConfig, number: int, pairs: float) -> Batch:
    """Return batch ``number`` of the run with a share ``pairs`` of two-figure scenes."""
    rng = np.random.default_rng([config.seed, number])
    noise_seed = int(rng.integers(2**62))
    scenes = [draw_scene(rng, pairs=pairs) for _ in range(config.batch)]
    layout = lay_out(scenes, rng)
    texts = ["" if rng.random() < config.caption_drop else _worded(scene, rng) for scene in scenes]
    return Batch(ids=Tokenizer().batch(texts), layout=layout, noise_seed=noise_seed)


def stream(
    config: TrainConfig, first: int, pairs: Callable[[int], float]
) -> Generator[Batch, None, None]:
    """Yield batches without end, starting at number ``first``; close it to end its processes."""
    if config.workers == 0:
        number = first
        while True:
            yield draw_batch(config, number, pairs(number))
            number += 1
    with ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn")) as pool:
        ahead: list[Future[Batch]] = []
        number = first
        try:
            while True:
                while len(ahead) < 2 * config.workers:
                    ahead.append(pool.submit(draw_batch, config, number, pairs(number)))
                    number += 1
                yield ahead.pop(0).result()
        finally:
            for future in ahead:
                future.cancel()


def _worded(scene: Scene, rng: np.random.Generator) -> str:
    if rng.random() < _OPEN_BACKGROUND:
        scene = Scene(figures=scene.figures, relation=scene.relation)
    return caption(scene, int(rng.integers(PHRASINGS)))
