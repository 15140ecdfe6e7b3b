"""Repeated timings of one act, and what is made of them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from chorus_policies.costs.profile import StageTime
from chorus_runtime.clock import Marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Median, coefficient of variation and number of some timings, in seconds."""

    median_s: float
    cv: float
    samples: int

    def stage(self) -> StageTime:
        """Return the stage as a profile holds it; its mean is the median, which outliers spare."""
        return StageTime(
            mean_s=self.median_s, cv=min(self.cv, 5.0), samples=self.samples, source="measured"
        )


def sample_of(seconds: Sequence[float]) -> Sample:
    """Return the sample of at least one timing."""
    mean = statistics.fmean(seconds)
    spread = statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    return Sample(
        median_s=statistics.median(seconds),
        cv=spread / mean if mean > 0 else 0.0,
        samples=len(seconds),
    )


def measure(act: Callable[[], object], device: torch.device, repeats: int) -> Sample:
    """Time ``act`` after one call to prime it; work it queues on a GPU counts."""
    act()
    marks = Marks(device)
    marks.mark()
    for _ in range(repeats):
        act()
        marks.mark()
    return sample_of(marks.intervals())
