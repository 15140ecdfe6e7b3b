"""Attribute accuracy: sample prompts, read the clips, count what is right, with intervals."""

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.stats import norm

from chorus_runtime.shapes.caption import PHRASINGS, caption, parse
from chorus_runtime.shapes.compare import ATTRIBUTES, compare
from chorus_runtime.shapes.model import ShapesModel
from chorus_runtime.shapes.read_video import Reading, read_video
from chorus_runtime.shapes.sample import sample
from chorus_runtime.shapes.scene import Scene, draw_scene


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of trials with its 95 % Wilson interval."""

    right: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share itself; 0 without trials."""
        return self.right / self.trials if self.trials else 0.0


def wilson(right: int, trials: int, level: float = 0.95) -> Share:
    """Return a share with its interval (Wilson 1927), [0, 1] without trials."""
    if trials == 0:
        return Share(right=0, trials=0, low=0.0, high=1.0)
    z = float(norm.ppf(0.5 + level / 2))
    p = right / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * (p * (1 - p) / trials + z * z / (4 * trials**2)) ** 0.5
    return Share(
        right=right, trials=trials, low=max(0.0, centre - half), high=min(1.0, centre + half)
    )


def evaluate(
    model: ShapesModel,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    batch: int = 100,
    steps: int | None = None,
    guidance: float | None = None,
    shift: float | None = None,
) -> dict[str, Share]:
    """Return the accuracy of every attribute and of "all" over one clip for each prompt.

    Clip i starts from the noise of ``seed + i``. Sampling settings that are not given are the
    variant's own. Raises ``EngineError`` for a prompt outside the world.
    """
    pairs: list[tuple[Scene, Reading]] = []
    for start in range(0, len(prompts), batch):
        part = list(prompts[start : start + batch])
        frames = sample(
            model,
            part,
            list(range(seed + start, seed + start + len(part))),
            steps=steps,
            guidance=guidance,
            shift=shift,
        )
        pairs += [
            (parse(prompt), read_video(clip)) for prompt, clip in zip(part, frames, strict=True)
        ]
    return tally(pairs)


def tally(pairs: Sequence[tuple[Scene, Reading]]) -> dict[str, Share]:
    """Return the accuracy of every attribute over scenes and what was read of them."""
    verdicts = [compare(scene, reading) for scene, reading in pairs]
    shares = {}
    for attribute in (*ATTRIBUTES, "all"):
        asked = [verdict[attribute] for verdict in verdicts if attribute in verdict]
        if asked:
            shares[attribute] = wilson(sum(asked), len(asked))
    return shares


def evaluation_prompts(count: int, *, pairs: float, seed: int = 1_000_003) -> list[str]:
    """Return captions of random scenes in all phrasings; ``pairs`` is the share with two figures.

    The seed's generator is none of those that training batches use.
    """
    rng = np.random.default_rng(seed)
    return [
        caption(draw_scene(rng, pairs=pairs), int(rng.integers(PHRASINGS))) for _ in range(count)
    ]
