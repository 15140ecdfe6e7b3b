"""What a study takes beside accuracy, PSNR and SSIM."""

from dataclasses import dataclass

from chorus_runtime.quality.measure import Measure
from chorus_runtime.quality.vbench_clips import ClipFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Measures of each clip, and a folder that keeps the clips for VBench."""

    measures: tuple[Measure, ...] = ()
    clips: ClipFolder | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name everything with its source, for a study's header."""
        kept = () if self.clips is None else ("vbench",)
        return (*(f"{one.name} {one.source}" for one in self.measures), *kept)
