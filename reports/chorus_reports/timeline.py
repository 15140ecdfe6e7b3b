"""Timelines: step functions over the run, binned so that a plot never holds a point per request."""

import numpy as np

from chorus_reports.finished_run import FloatArray

#: Bins over the run. More of them draw finer than a screen shows.
BINS = 300

_UNITS = ((180.0, 1.0, "seconds"), (3 * 3600.0, 60.0, "minutes"), (4 * 86400.0, 3600.0, "hours"))


class Timeline:
    """A level that starts at 0 and changes by ``deltas`` at ``instants`` (any order).

    Changes at one instant count as one, so a request that starts on arrival never waits.
    """

    def __init__(self, instants: FloatArray, deltas: FloatArray) -> None:
        self._at, place = np.unique(instants, return_inverse=True)
        self._level = np.cumsum(np.bincount(place, weights=deltas, minlength=len(self._at)))

    @property
    def peak(self) -> float:
        """The highest level."""
        return float(self._level.max(initial=0.0))

    @property
    def last(self) -> float:
        """The level after the last change."""
        return float(self._level[-1]) if len(self._level) else 0.0

    def mean(self, edges: FloatArray) -> FloatArray:
        """Return the time-weighted mean level between successive ``edges``."""
        if not len(self._at):
            return np.zeros(len(edges) - 1)
        area = np.concatenate([[0.0], np.cumsum(np.diff(self._at) * self._level[:-1])])
        upto = np.interp(edges, self._at, area)
        upto += np.clip(edges - self._at[-1], 0.0, None) * self._level[-1]
        mean: FloatArray = np.diff(upto) / np.diff(edges)
        return mean

    def highest(self, edges: FloatArray) -> FloatArray:
        """Return the highest level between successive ``edges``; the last edge belongs to it."""
        level = np.concatenate([[0.0], self._level])
        first = np.searchsorted(self._at, edges[:-1], side="right")
        last = np.searchsorted(self._at, edges[1:], side="left")
        last[-1] = np.searchsorted(self._at, edges[-1], side="right")
        upto_last = np.maximum.reduceat(level[: last[-1] + 1], first)
        highest: FloatArray = np.maximum(upto_last, level[last])
        return highest

    def between(self, begin_s: float, end_s: float) -> list[tuple[float, float]]:
        """Return the level at ``begin_s``, then (instant, level) of each change up to ``end_s``."""
        first = int(np.searchsorted(self._at, begin_s, side="right"))
        last = int(np.searchsorted(self._at, end_s, side="right"))
        before = float(self._level[first - 1]) if first else 0.0
        changes = zip(self._at[first:last].tolist(), self._level[first:last].tolist(), strict=True)
        return [(begin_s, before), *changes]


def edges_between(begin_s: float, end_s: float) -> FloatArray:
    """Return the edges of ``BINS`` equal bins."""
    return np.linspace(begin_s, max(end_s, begin_s + 1e-3), BINS + 1)


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the seconds of the unit a time axis of ``span_s`` takes, and its name."""
    for limit, unit, name in _UNITS:
        if span_s < limit:
            return unit, name
    return 86400.0, "days"
