"""A model that computes nothing: its stages take the time they are told to, or none.

For measuring what the server itself costs, and for holding its decisions against the simulator's.
Everything around the model is the real thing: cache, store, log, HTTP. It does not check a donor's
latents as the engine does, so it never falls back because of them.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_policies.plan import Regional
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.engine import Engine
from chorus_runtime.facts import Facts
from chorus_runtime.generated import Generated, Trajectory
from chorus_runtime.generation import Generation
from chorus_runtime.models.clip import stated_shape
from chorus_runtime.models.video_model import EncodedText, Timing
from chorus_runtime.observer import StepDone
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.metronome import Metronome
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.clip_io import write_mp4
from chorus_runtime.steps import step_counts, step_schedule
from chorus_traces.request import Request

_NAME = "fake"

_DEFAULT = Shape(model=_NAME, height=64, width=64, frames=8, steps=4, guidance=1.0)

_LATENT = (1, 4, 2, 8, 8)

_FRAMES = np.zeros((1, 8, 16, 16, 3), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSolver:
    """Noise levels that fall evenly."""

    sigmas: tuple[float, ...]


class FakeEngine:
    """Waits for as long as each step of a plan takes."""

    def __init__(self, times: EngineTimes) -> None:
        self.settings = EngineSettings()
        self._times = times

    def solver(self, generation: Generation) -> "FakeSolver":
        """Return the schedule of a request."""
        steps = generation.steps
        return FakeSolver(sigmas=tuple(1 - step / steps for step in range(steps + 1)))

    def generate(self, generation: Generation) -> Generated:
        """Return latents of the request's seed, whatever its prompt."""
        plan, steps = generation.plan, generation.steps
        share = plan.active_share if isinstance(plan, Regional) else 0.0
        seed = generation.seed if isinstance(generation.seed, int) else 0
        noise = torch.Generator().manual_seed(seed)
        latents = torch.randn(generation.latent_shape, generator=noise)
        schedule = step_schedule(plan, steps, self.settings.refresh_every)
        work, kept, metronome = 0.0, {}, Metronome()
        for step in schedule:
            if step.kind == "skip":
                continue
            if step.number in generation.record_steps:
                kept[step.number] = latents
            cost = share if step.kind == "region" else 1.0
            work += cost
            metronome.beat(cost * self._times.step_s)
            done = StepDone(
                number=step.number, kind=step.kind, share=cost, latents=latents, kept=kept
            )
            generation.observer(done)
        counts = step_counts(schedule)
        return Generated(
            latents=latents,
            trajectory=Trajectory(
                latents=kept,
                sigmas=self.solver(generation).sigmas,
            ),
            region=None,
            maps=None,
            facts=Facts(
                steps=counts,
                tokens_of=counts,
                tokens=round(work),
                tokens_uncached=steps,
                flops=work,
                flops_uncached=float(steps),
                skipped_passes=0,
                active_share=share,
                variant="none",
                donor_form="none" if generation.donor is None else "stored",
                amplification=generation.largest_factor,
                keys_values_bytes=0,
                notes=(),
            ),
        )


class FakeVideo:
    """A model to be served, without weights. Clips have any size."""

    def __init__(self, times: EngineTimes) -> None:
        self.name = _NAME
        # It is asked for its settings and to generate, never for its adapters.
        self.engine = cast("Engine", FakeEngine(times))
        self._times = times

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def deployment(self) -> Deployment:
        """Return what nothing depends on."""
        return Deployment(revision=_NAME)

    def shape_of(self, request: Request) -> Shape:
        """Return the request's shape; every size will do."""
        return stated_shape(request, _DEFAULT)

    def latent_shape(self, shape: Shape) -> tuple[int, int, int, int, int]:
        """Return one small shape for all."""
        del shape
        return _LATENT

    def timing(self, shape: Shape) -> Timing:
        """Return nothing of its own."""
        del shape
        return Timing()

    def encode(self, prompt: str, negative_prompt: str | None, *, guided: bool) -> EncodedText:
        """Return one token that is the whole prompt."""
        del negative_prompt
        Metronome().beat(self._times.text_s)
        states = TextStates.of(torch.zeros(1, 1, 1))
        return EncodedText(
            prompt=prompt,
            text=states,
            negative=states if guided else None,
            offsets=((0, len(prompt)),),
        )

    def decode(self, latents: torch.Tensor, output_type: str) -> Any:
        """Return black frames."""
        del latents, output_type
        Metronome().beat(self._times.decode_s)
        return _FRAMES


class FakeClips:
    """Writes the same black clip every time, encoded once."""

    frames_per_s = 8

    def __init__(self, times: EngineTimes) -> None:
        self._times = times
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "black.mp4"
            write_mp4(path, torch.from_numpy(_FRAMES[0]), fps=self.frames_per_s, scale=1)
            self._content = path.read_bytes()

    def write(self, path: Path, frames: Any) -> None:
        """Write the clip."""
        del frames
        Metronome().beat(self._times.encode_s)
        path.write_bytes(self._content)
