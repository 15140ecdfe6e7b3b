"""The workers: one thread each, a job at a time, and one thread for copies, which need no worker.

A job is answered when its video is written; its latents go to the store after that, while the
worker is still held.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from chorus_policies.plan import Plan
from chorus_runtime.asked import Asked
from chorus_runtime.observer import StepDone
from chorus_runtime.result import Result
from chorus_runtime.server.answers import NO_WORKER, Answers
from chorus_runtime.server.clips import ClipWriter
from chorus_runtime.server.far.health import HandsHealth
from chorus_runtime.server.followers import Followers
from chorus_runtime.server.job import Job, Stopped
from chorus_runtime.server.line import Line
from chorus_runtime.server.lookout import Lookout
from chorus_runtime.server.patience import HANG_AFTER_S, Patience
from chorus_runtime.server.run_folder import RunFolder
from chorus_runtime.server.signs import Signs
from chorus_runtime.server.tally import Tally
from chorus_runtime.server.videos import VideoFolder
from chorus_runtime.service import Chorus
from chorus_traces.errors import ChorusError, EngineError

#: Why a run is ended when the server must go; the job stays unfinished in the log.
GOING = "the server is going down"

#: Seconds between two looks at whether a thread that should end hangs.
_LOOK_S = 0.25

_LOG = logging.getLogger("chorus.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every worker works with; ``log`` is ``None`` where none is kept.

    ``hands`` tells how workers elsewhere are, ``None`` where all work in this process.
    """

    chorus: Chorus
    clips: ClipWriter
    videos: VideoFolder
    log: RunFolder | None
    tally: Tally
    hands: Callable[[], HandsHealth] | None = None
    hang_after_s: float = HANG_AFTER_S


class Workers:
    """Serves accepted jobs; ``over`` is told each that is answered or never will be."""

    def __init__(self, bench: Bench, number: int, over: Callable[[Job], None]) -> None:
        self.number = number
        self.line = Line()
        self.copies = Line()
        self.followers = Followers()
        self.running: dict[int, Job] = {}
        self._bench = bench
        self._answers = Answers(bench, over)
        self.signs = Signs(Patience(bench.hang_after_s), bench.chorus.now)
        self._threads = {
            worker: Thread(target=self._work, args=(worker,), name=f"chorus-{worker}", daemon=True)
            for worker in range(number)
        }
        self._threads[NO_WORKER] = Thread(target=self._copy, name="chorus-copies", daemon=True)
        # Whoever waits for a hand that hangs gets another; it is given up elsewhere.
        self._lookout = Lookout(
            self._threads if bench.hands is None else (),
            self.signs,
            self.running.get,
            lambda job: self._lands(job.asked),
            bench.hang_after_s,
        )

    @property
    def waiting(self) -> int:
        """Jobs that nobody serves yet."""
        return len(self.line) + len(self.copies) + len(self.followers)

    def start(self) -> None:
        """Begin to serve."""
        for thread in self._threads.values():
            thread.start()
        self._lookout.start()

    def are_alive(self) -> bool:
        """Tell whether every thread still works."""
        return all(thread.is_alive() for thread in self._threads.values())

    @property
    def trouble(self) -> str:
        """Why no worker would serve a request now, empty where one would."""
        if not self.are_alive():
            return "the workers have ended"
        if self._bench.hands is not None:
            return self._bench.hands().trouble
        return self.signs.trouble(range(self.number))

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
            self._answers.fail(job, "cancelled", "cancelled", reason)

    def close(self) -> None:
        """End what runs, let the threads end; jobs that wait stay unfinished in the log.

        So does the job of a thread that hangs, which is left behind.
        """
        self._lookout.close()
        for job in list(self.running.values()):
            job.stop_reason = job.stop_reason or GOING
        for line in (self.line, self.copies):
            line.close()
        for worker, thread in self._threads.items():
            while thread.is_alive() and not self.signs.is_hung(worker):
                thread.join(_LOOK_S)
        waiting = (*self.line.left(), *self.copies.left(), *self.followers.left())
        for job in (*self.running.values(), *waiting):
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
            self._begin(job, worker)
            job.facts.status = "in_progress"
            result = self._result(job, worker)
            if result is not None:
                self._answers.record(job, result.provenance, worker)
        except Stopped as stopped:
            if str(stopped) == GOING:
                _given_up(job)
            else:
                self._answers.fail(job, "cancelled", "cancelled", str(stopped))
        except ChorusError as error:
            self._answers.fail(job, "failed", "generation_failed", str(error))
        except OSError as error:
            reason = f"the video cannot be written: {error.strerror}"
            self._answers.fail(job, "failed", "no_room", reason)
        except Exception as error:  # noqa: BLE001 - one bad job must not end the worker
            _LOG.exception("job %s failed", job.log_name)
            reason = f"internal error ({type(error).__name__})"
            self._answers.fail(job, "failed", "internal", reason)
        finally:
            self.running.pop(worker, None)
            self.signs.end(worker)

    def _begin(self, job: Job, worker: int) -> None:
        """Take every step of a job as a sign of its worker."""
        asked = job.asked
        if asked is None:
            return

        def step_done(done: StepDone) -> None:
            self.signs.give(worker)
            job.step_done(done)

        asked.observer, shape = step_done, asked.shape
        self.signs.begin(worker, shape.height * shape.width * shape.frames)

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
        linked = self._answers.link(plan.donor, job.video)
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
                lambda plan: self._planned(asked, plan, worker),
            )
        finally:
            self._lands(asked)

    def _planned(self, asked: Asked, plan: Plan, worker: int) -> None:
        """Let identical requests wait for a run that begins."""
        self.signs.give(worker)
        self.followers.begin(asked, plan)

    def _deliver(self, job: Job, result: Result, worker: int) -> None:
        """Answer the client."""
        self.signs.give(worker)
        self._answers.deliver(job, result, worker)
        self.signs.give(worker)

    def _lands(self, asked: Asked | None) -> None:
        """Give who waited for a run its copy; where it was not kept they are the next to go."""
        if asked is None:
            return
        left = []
        for job in self.followers.end(asked):
            job.copy = None if job.asked is None else self._bench.chorus.find_copy(job.asked)
            if job.copy is None:
                left.append(job)
            else:
                job.ready_s = self._bench.chorus.now()
                self.copies.put(job)
        self.line.put_first(left)


def _given_up(job: Job) -> None:
    """Tell that a job is not served by this run any more; it stays unfinished in the log."""
    job.facts.error_code, job.facts.error = "going_down", GOING
    job.tell()
