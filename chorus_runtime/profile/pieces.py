"""Pieces of a long measurement, kept as they are taken, so that it can be interrupted.

A profile of a large model takes longer than a machine may be at hand. Each figure that was taken
is kept in a file and not taken again.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from chorus_runtime.profile.sample import Sample
from chorus_traces.errors import EngineError


class Paused(Exception):  # noqa: N818 - it is no error: the same call goes on
    """The time is up; what was taken so far is kept."""


class _Kept(msgspec.Struct, frozen=True):
    """One figure; ``active_share`` is that of an SRD step, 1 elsewhere."""

    median_s: float
    cv: float
    samples: int
    active_share: float = 1.0


class Pieces:
    """Figures by name in ``path``; ``None`` keeps them in memory.

    ``stop`` is asked before a figure is taken. Raises ``EngineError`` for a file of something else.
    """

    def __init__(self, path: Path | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        self._path, self._stop = path, stop
        self._kept: dict[str, _Kept] = {}
        if path is not None and path.is_file():
            try:
                self._kept = msgspec.json.decode(path.read_bytes(), type=dict[str, _Kept])
            except msgspec.MsgspecError as error:
                raise EngineError(
                    f"{path}: not pieces of a profile ({error}); delete it"
                ) from error

    def sample(self, name: str, take: Callable[[], Sample]) -> Sample:
        """Return a figure, taken now unless it was before. Raises ``Paused`` when time is up."""
        return self.region(name, lambda: (take(), 1.0))[0]

    def region(self, name: str, take: Callable[[], tuple[Sample, float]]) -> tuple[Sample, float]:
        """Return a figure and the active share it was taken at. Raises ``Paused``."""
        if name not in self._kept:
            if self._stop():
                raise Paused
            sample, share = take()
            self._kept[name] = _Kept(sample.median_s, sample.cv, sample.samples, share)
            if self._path is not None:
                part = self._path.with_name(self._path.name + ".part")
                part.write_bytes(msgspec.json.encode(self._kept))
                part.replace(self._path)
        kept = self._kept[name]
        return Sample(median_s=kept.median_s, cv=kept.cv, samples=kept.samples), kept.active_share

    def number(self, name: str, take: Callable[[], float]) -> float:
        """Return a plain number, kept like a figure. Raises ``Paused``."""
        return self.sample(name, lambda: Sample(median_s=take(), cv=0.0, samples=1)).median_s
