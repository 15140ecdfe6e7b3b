"""What the server has done so far: counts, times, and the frames of the last videos."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_policies.live.record import Record
from chorus_runtime.result import Result
from chorus_runtime.server.job import Job

#: Videos shown beside their donors, and frame strips kept for them and for donors to come.
_LAST, _STRIPS = 12, 96

#: Frames of a strip, and the longer side of each in pixels.
_FRAMES, _SIDE = 8, 96

#: Weight of the newest service time in the running mean.
_WEIGHT = 0.1

#: Answers that rates and percentiles of the moment are taken from.
_RECENT = 256

Strip = npt.NDArray[np.uint8]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A video as the dashboard shows it; ``key`` and ``donor`` name frame strips."""

    id: str
    prompt: str
    key: int
    donor: int | None
    donor_prompt: str
    kind: str
    similarity: float | None
    response_s: float


class Tally:
    """Counts finished jobs. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._strips: OrderedDict[int, Strip] = OrderedDict()
        self._last: deque[Shown] = deque(maxlen=_LAST)
        self._recent: deque[Record] = deque(maxlen=_RECENT)
        self.kinds: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        #: Judged videos by kind and whether they were acceptable.
        self.verdicts: Counter[tuple[str, bool]] = Counter()
        self.stage_s: Counter[str] = Counter()
        self.saved_s = 0.0
        self.mean_held_s: float | None = None
        self.watch: Callable[[Record], None] | None = None

    def frames(self, job: Job, result: Result) -> None:
        """Keep some small frames of a video that was just delivered."""
        made, told = job.facts.made, result.provenance
        if made is None:
            return
        with self._lock:
            if result.frames is not None:
                self._keep(job.key, _strip(result.frames[0]))
            elif made.donor is not None and made.donor in self._strips:
                self._keep(job.key, self._strips[made.donor])
            if made.donor is not None and made.donor in self._strips:
                self._strips.move_to_end(made.donor)
            self._last.append(
                Shown(
                    id=job.facts.id,
                    prompt=job.facts.prompt,
                    key=job.key,
                    donor=made.donor,
                    donor_prompt=told.donor_prompt,
                    kind=made.kind,
                    similarity=made.similarity,
                    response_s=made.response_s,
                )
            )

    def finished(self, job: Job, record: Record) -> None:
        """Count a job that has its record."""
        made = job.facts.made
        with self._lock:
            self.kinds[record.kind] += 1
            self._recent.append(record)
            if made is not None:
                self.stage_s.update(made.stages)
                self.saved_s += made.seconds_saved or 0.0
            if record.worker >= 0:
                before = record.held_s if self.mean_held_s is None else self.mean_held_s
                self.mean_held_s = before + _WEIGHT * (record.held_s - before)
        if self.watch is not None:
            self.watch(record)

    def failed(self, job: Job, code: str) -> None:
        """Count a job without a video."""
        del job
        with self._lock:
            self.failures[code] += 1

    def judged(self, kind: str, *, acceptable: bool) -> None:
        """Count what somebody thought of a video of a kind."""
        with self._lock:
            self.verdicts[kind, acceptable] += 1

    def recent(self) -> list[Record]:
        """Return the last records, oldest first."""
        with self._lock:
            return list(self._recent)

    def last(self) -> list[Shown]:
        """Return the last videos, newest first."""
        with self._lock:
            return list(self._last)[::-1]

    def strip(self, key: int) -> Strip | None:
        """Return frames of the video that left entry ``key``, side by side, if they are kept."""
        with self._lock:
            return self._strips.get(key)

    def _keep(self, key: int, strip: Strip) -> None:
        self._strips[key] = strip
        self._strips.move_to_end(key)
        while len(self._strips) > _STRIPS:
            self._strips.popitem(last=False)


def _strip(frames: Any) -> Strip:
    """Return some frames of ``(frames, height, width, 3)`` in [0, 1], small, side by side."""
    clip = np.asarray(frames)
    chosen = clip[:: max(1, -(-len(clip) // _FRAMES))]
    every = max(1, -(-max(chosen.shape[1:3]) // _SIDE))
    small = chosen[:, ::every, ::every]
    pixels = np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8)
    row: Strip = np.concatenate(list(pixels), axis=1)
    return row
