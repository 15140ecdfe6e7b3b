"""Live runs made in this process: a real server around a model that computes nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.server.desk import DeskRule
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.fake_model import FakeClips, FakeVideo
from chorus_runtime.server.serving import ServerPlan, Serving
from chorus_runtime.server.tenants import DEFAULT_TENANT, Tenants
from chorus_runtime.server.video_request import VideoRequest

_SUBJECTS = ("cat", "dog", "old sailor", "robot", "whale", "child")
_ACTIONS = ("walks", "sleeps", "dances", "waits", "flies")
_PLACES = ("on the moon", "in the rain", "by the sea", "in a forest", "on a roof")
_TAILS = (
    "at night, slow camera, film grain",
    "golden light, shallow focus, handheld",
    "pencil sketch with bold lines, monochrome",
    "neon reflections, wide lens, crowded street",
    "macro shot, dew drops, soft bokeh background",
    "stop motion puppets, felt texture, warm lamp",
)


def some_prompts(number: int, seed: int = 0) -> list[str]:
    """Return prompts as sessions write them: most change one part of the one before."""
    rng = np.random.default_rng(seed)
    parts = (_SUBJECTS, _ACTIONS, _PLACES, _TAILS)
    picks = [0, 0, 0, 0]
    texts = []
    for _ in range(number):
        changed = range(4) if rng.random() < 0.3 else [int(rng.integers(4))]
        for part in changed:
            picks[part] = int(rng.integers(len(parts[part])))
        words = [parts[part][pick] for part, pick in enumerate(picks)]
        texts.append(f"a {words[0]} {words[1]} {words[2]}, {words[3]}")
    return texts


def serve_all(
    folder: Path,
    prompts: Sequence[str],
    *,
    policy: str = "chorus",
    capacity: str = "3MiB",
    workers: int = 1,
    at_once: int = 1,
    times: EngineTimes | None = None,
    seeds: bool = False,
    verdict: Callable[[int], bool] | None = None,
) -> Path:
    """Serve the prompts with ``at_once`` of them under way; return the run's folder.

    With ``seeds`` equal prompts are identical requests, answered with copies. ``verdict`` judges
    the result of each key, as soon as it is there.
    """
    times = times or EngineTimes()
    plan = ServerPlan(
        policy=policy,
        capacity=capacity,
        log=folder,
        workers=workers,
        rule=DeskRule(waiting=10_000),
    )
    with Serving(FakeVideo(times), FakeClips(times), HashedWords(), plan, Tenants({})) as serving:
        for begin in range(0, len(prompts), at_once):
            jobs = [
                serving.desk.accept(
                    VideoRequest(
                        prompt=prompt, id=f"v{begin + place:04d}", seed=7 if seeds else None
                    ),
                    DEFAULT_TENANT,
                )
                for place, prompt in enumerate(prompts[begin : begin + at_once])
            ]
            for job in jobs:
                job.told.result(timeout=60)
            while serving.desk.workers.running:
                # Answered, but not stored yet: the next is to find it.
                next(iter(jobs)).told.result(timeout=60)
            if verdict is not None:
                for job in jobs:
                    serving.bench.chorus.judged(job.key, verdict(job.key))
    return folder / "run-0001"
