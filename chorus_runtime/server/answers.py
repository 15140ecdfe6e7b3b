"""What becomes of a job: its video and its record, or why there is none."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from chorus_runtime.clock import epoch_s
from chorus_runtime.provenance import Provenance
from chorus_runtime.result import Result
from chorus_runtime.server.job import Job, Status
from chorus_runtime.server.run_folder import Failure
from chorus_runtime.server.tell import made_of, record_of
from chorus_traces.errors import EngineError

if TYPE_CHECKING:
    from chorus_runtime.server.workers import Bench

#: The worker of a copy answered on arrival, in every record.
NO_WORKER = -1

#: Videos of this run that a copy may link to.
_MOST_KEYS = 10_000


class Answers:
    """Answers clients and writes the log. Methods may be called from any thread.

    ``over`` is told each job that is answered or never will be.
    """

    def __init__(self, bench: "Bench", over: Callable[[Job], None]) -> None:
        self._bench = bench
        self._over = over
        self._videos_by_key: dict[int, str] = {}

    def link(self, donor: int, video: str) -> bool:
        """Let ``video`` be that of entry ``donor``; tell whether it is still there."""
        source = self._videos_by_key.get(donor)
        return source is not None and self._bench.videos.link(source, video)

    def deliver(self, job: Job, result: Result, worker: int) -> None:
        """Write the video and answer the client."""
        job.check_stopped()
        bench, asked, facts = self._bench, job.asked, job.facts
        if asked is None:
            raise EngineError("the job is over")
        if result.frames is not None:
            with asked.watch.stage("video_encode"):
                bench.clips.write(bench.videos.part(job.video), result.frames[0])
        job.check_stopped()
        told = replace(result.provenance, seconds=dict(asked.watch.seconds))
        job.finish_s = bench.chorus.now()
        made = made_of(job, told, bench.chorus.step_s(asked.shape), worker)
        done = msgspec.structs.replace(
            facts, status="completed", progress=100, completed_at=epoch_s(), made=made
        )
        bench.videos.keep(job.video, done)
        job.facts = done
        self._videos_by_key[job.key] = job.video
        while len(self._videos_by_key) > _MOST_KEYS:
            del self._videos_by_key[next(iter(self._videos_by_key))]
        bench.tally.frames(job, result)
        self._over(job)
        job.tell()

    def record(self, job: Job, told: Provenance, worker: int) -> None:
        """Write the record of an answered job, now that its latents are stored or not."""
        bench, made = self._bench, job.facts.made
        held_s = 0.0 if worker == NO_WORKER else bench.chorus.now() - job.start_s
        if made is not None:
            job.facts.made = msgspec.structs.replace(
                made, stored=told.stored, stages=dict(told.seconds)
            )
        record = record_of(job, told, made.steps if made else 0, worker, held_s)
        if bench.log is not None:
            bench.log.record(record)
        bench.tally.finished(job, record)
        job.asked = None

    def fail(self, job: Job, status: Status, code: str, reason: str) -> None:
        """Tell that there will be no video; one that was delivered stays delivered."""
        bench = self._bench
        if job.facts.status != "completed":
            job.facts.error_code, job.facts.error = code, reason
            job.facts.completed_at, job.facts.status = epoch_s(), status
        if bench.log is not None:
            failure = Failure(
                id=job.log_name,
                arrival_s=job.request.arrival_s,
                at_s=bench.chorus.now(),
                status=status,
                reason=reason,
            )
            bench.log.failure(failure)
        bench.videos.give_up(job.video)
        bench.tally.failed(job, code)
        job.asked = None
        self._over(job)
        job.tell()
