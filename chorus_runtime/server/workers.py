"""The workers: one thread each, a job at a time, and one thread for copies, which need no worker.

A job is answered when its video is written; its latents go to the store after that, while the
worker is still held.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread

import msgspec

from chorus_runtime.asked import Asked
from chorus_runtime.clock import epoch_s
from chorus_runtime.provenance import Provenance
from chorus_runtime.result import Result
from chorus_runtime.server.clips import ClipWriter
from chorus_runtime.server.followers import Followers
from chorus_runtime.server.job import Job, Status, Stopped
from chorus_runtime.server.line import Line
from chorus_runtime.server.run_folder import Failure, RunFolder
from chorus_runtime.server.tally import Tally
from chorus_runtime.server.tell import made_of, record_of
from chorus_runtime.server.videos import VideoFolder
from chorus_runtime.service import Chorus
from chorus_traces.errors import ChorusError, EngineError

#: The worker of a copy answered on arrival, in every record.
NO_WORKER = -1

#: Why a run is ended when the server must go; the job stays unfinished in the log.
GOING = "the server is going down"

#: Videos of this run that a copy may link to.
_MOST_KEYS = 10_000

_LOG = logging.getLogger("chorus.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every worker works with; ``log`` is ``None`` where none is kept."""

    chorus: Chorus
    clips: ClipWriter
    videos: VideoFolder
    log: RunFolder | None
    tally: Tally


class Workers:
    """Serves accepted jobs; ``over`` is told each that is answered or never will be."""

    def __init__(self, bench: Bench, number: int, over: Callable[[Job], None]) -> None:
        self.number = number
        self.line = Line()
        self.copies = Line()
        self.followers = Followers()
        self.running: dict[int, Job] = {}
        self._bench = bench
        self._over = over
        self._videos_by_key: dict[int, str] = {}
        self._threads = [
            Thread(target=self._work, args=(worker,), name=f"chorus-worker-{worker}", daemon=True)
            for worker in range(number)
        ]
        self._threads.append(Thread(target=self._copy, name="chorus-copies", daemon=True))

    @property
    def waiting(self) -> int:
        """Jobs that nobody serves yet."""
        return len(self.line) + len(self.copies) + len(self.followers)

    def start(self) -> None:
        """Begin to serve."""
        for thread in self._threads:
            thread.start()

    def are_alive(self) -> bool:
        """Tell whether every thread still works."""
        return all(thread.is_alive() for thread in self._threads)

    def accept(self, job: Job) -> None:
        """Put a job into its line: that of copies where its plan is known already.

        A request identical to one that is being computed waits for that one.
        """
        if job.copy is None and self.followers.join(job):
            return
        (self.line if job.copy is None else self.copies).put(job)

    def stop(self, job: Job, reason: str) -> None:
        """End a job that is not over: at once where it waits, else at its next step."""
        job.stop_reason = reason
        if self.line.leave(job) or self.followers.leave(job):
            self._failed(job, "cancelled", "cancelled", reason)

    def close(self) -> None:
        """End what runs, let the threads end; jobs that wait stay unfinished in the log."""
        for job in list(self.running.values()):
            job.stop_reason = job.stop_reason or GOING
        for line in (self.line, self.copies):
            line.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for job in (*self.line.left(), *self.copies.left(), *self.followers.left()):
            _given_up(job)

    def _work(self, worker: int) -> None:
        while (job := self.line.take()) is not None:
            self._serve(job, worker)

    def _copy(self) -> None:
        while (job := self.copies.take()) is not None:
            self._serve(job, NO_WORKER)

    def _serve(self, job: Job, worker: int) -> None:
        """Serve one job; whatever happens, the thread goes on."""
        try:
            self.running[worker] = job
            job.facts.status = "in_progress"
            result = self._result(job, worker)
            if result is not None:
                self._recorded(job, result.provenance, worker)
        except Stopped as stopped:
            if str(stopped) == GOING:
                _given_up(job)
            else:
                self._failed(job, "cancelled", "cancelled", str(stopped))
        except ChorusError as error:
            self._failed(job, "failed", "generation_failed", str(error))
        except OSError as error:
            reason = f"the video cannot be written: {error.strerror}"
            self._failed(job, "failed", "no_room", reason)
        except Exception as error:  # noqa: BLE001 - one bad job must not end the worker
            _LOG.exception("job %s failed", job.log_name)
            self._failed(job, "failed", "internal", f"internal error ({type(error).__name__})")
        finally:
            self.running.pop(worker, None)

    def _result(self, job: Job, worker: int) -> Result | None:
        """Return the delivered result; ``None`` for a copy that cannot be read, which waits now."""
        chorus, asked, plan = self._bench.chorus, job.asked, job.copy
        if asked is None:
            raise EngineError("the job is over")
        if plan is None:
            if self.followers.join(job):
                job.facts.status = "queued"
                return None
            job.start_s = chorus.now()
            job.check_stopped()
            return self._made(job, asked, worker)
        # A copy is served from the moment it can be: nobody else can take that time from it.
        job.start_s = job.request.arrival_s if job.ready_s is None else job.ready_s
        source = self._videos_by_key.get(plan.donor)
        linked = source is not None and self._bench.videos.link(source, job.video)
        asked.output_type = "latent" if linked else "np"
        result = chorus.copy(asked, plan, lambda result: self._deliver(job, result, worker))
        if result is None:
            asked.output_type, job.copy, job.facts.status = "np", None, "queued"
            job.ready_s = None
            self._bench.videos.give_up(job.video)
            self.line.put(job)
        return result

    def _made(self, job: Job, asked: Asked, worker: int) -> Result:
        """Compute a job; who waits for its run is answered or served when it is over."""
        try:
            return self._bench.chorus.make(
                asked,
                lambda result: self._deliver(job, result, worker),
                lambda plan: self.followers.begin(asked, plan),
            )
        finally:
            self._lands(asked)

    def _lands(self, asked: Asked) -> None:
        """Give who waited for a run its copy; where it was not kept they are the next to go."""
        left = []
        for job in self.followers.end(asked):
            job.copy = None if job.asked is None else self._bench.chorus.find_copy(job.asked)
            if job.copy is None:
                left.append(job)
            else:
                job.ready_s = self._bench.chorus.now()
                self.copies.put(job)
        self.line.put_first(left)

    def _deliver(self, job: Job, result: Result, worker: int) -> None:
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

    def _recorded(self, job: Job, told: Provenance, worker: int) -> None:
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

    def _failed(self, job: Job, status: Status, code: str, reason: str) -> None:
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


def _given_up(job: Job) -> None:
    """Tell that a job is not served by this run any more; it stays unfinished in the log."""
    job.facts.error_code, job.facts.error = "going_down", GOING
    job.tell()
