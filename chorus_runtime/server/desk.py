"""The desk: takes requests in, one after another.

What is accepted is in the log before its client is told, gets its key in order of arrival, and is
looked up for a copy at once: the order in which the simulator asks the cache.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from chorus_policies.costs.profile_book import Shape
from chorus_runtime.clock import epoch_s
from chorus_runtime.server.clips import frames_of
from chorus_runtime.server.experience import Experience
from chorus_runtime.server.job import Facts, Job
from chorus_runtime.server.job_table import JobTable
from chorus_runtime.server.refusal import Refusal
from chorus_runtime.server.run_folder import Failure
from chorus_runtime.server.unfinished import owner_of
from chorus_runtime.server.video_request import VideoRequest, refused, request_of
from chorus_runtime.server.videos import video_name
from chorus_runtime.server.workers import Bench, Workers
from chorus_traces.errors import ChorusError
from chorus_traces.request import Request

#: A request may be so many times larger than the model's own size; more would exhaust the device.
MOST_TIMES_LARGER = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRule:
    """How much is taken in: jobs that may wait, jobs over that are remembered.

    ``steps`` are those of a request that states none, ``None`` for the model's own.
    """

    waiting: int = 64
    remembered: int = 1000
    steps: int | None = None


class Desk:
    """Accepts and cancels jobs. ``accept`` is for one thread, the rest for any."""

    def __init__(self, bench: Bench, workers: int, rule: DeskRule) -> None:
        self._bench = bench
        self.rule = rule
        self.jobs = JobTable(bench.videos, rule.remembered)
        self.workers = Workers(bench, workers, self.jobs.over)
        self.draining = ""
        #: What judgements taught the policy, kept; ``None`` where there is no log.
        self.experience: Experience | None = None
        self._log_names: set[int] = set()
        self._default = bench.chorus.model.shape_of(
            Request(id="default", arrival_s=0.0, prompt="", steps=rule.steps)
        )

    @property
    def default(self) -> Shape:
        """The shape of a request that states none."""
        return self._default

    def accept(self, wanted: VideoRequest, tenant: str) -> Job:
        """Return the job of a request that is now in line, or answered soon.

        Raises ``Refusal`` for one that cannot be served or not now.
        """
        self.check_open()
        frames_per_s = self._bench.clips.frames_per_s
        request = request_of(
            wanted,
            tenant,
            f"video_{secrets.token_hex(12)}",
            lambda seconds: frames_of(self._bench.chorus.model, frames_per_s, seconds),
        )
        if wanted.id is not None and (tenant, request.id) in self.jobs:
            raise Refusal(409, "id_taken", f"id {request.id!r} is already used; choose another")
        return self._taken(request, request.id, self._log_name(tenant, request.id))

    def resume(self, requests: Iterable[Request]) -> int:
        """Take in again what an earlier run accepted and did not finish; return how many.

        What this server cannot make, because its model is another one, is known as failed.
        """
        number, left = 0, list(requests)
        last = {owner_of(request): request for request in left}
        for request in left:
            tenant, name = owner_of(request)
            if (tenant, name) in self.jobs:
                # Its video was finished; only its record was not written any more.
                self._settle(request.id, "answered", "the server ended before its record")
                continue
            if last[tenant, name] is not request:
                # An id can be given again only once its job was deleted.
                self._settle(request.id, "cancelled", "its id was given to a later request")
                continue
            try:
                self._taken(request, name, request.id)
            except Refusal as refusal:
                self._lost(request, name, str(refusal))
                continue
            number += 1
        return number

    def remember(self, facts: Iterable[Facts]) -> None:
        """Know the finished videos of an earlier run."""
        for one in facts:
            request = Request(id=one.id, arrival_s=0.0, prompt=one.prompt, tenant=one.tenant)
            name = video_name(one.tenant, one.id)
            job = Job(facts=one, request=request, log_name=one.id, video=name)
            job.tell()
            self.jobs.enter(job)
            self.jobs.over(job)

    def check_open(self) -> None:
        """Raise ``Refusal`` while the server takes nothing in."""
        if self.draining:
            raise Refusal(503, "going_down", self.draining, retry_after_s=self.wait_s() + 5)
        if self.workers.waiting >= self.rule.waiting:
            raise Refusal(
                429,
                "queue_full",
                f"{self.workers.waiting} requests wait already; try again later",
                retry_after_s=self.wait_s(),
            )

    def wait_s(self) -> float:
        """Return the seconds a new request would wait, estimated from the mean service time."""
        mean = self._bench.tally.mean_held_s
        ahead = self.workers.waiting + len(self.workers.running)
        return ahead * (1.0 if mean is None else mean) / self.workers.number

    def delete(self, job: Job, reason: str) -> None:
        """Cancel a job that is not over and forget it; delete its video.

        No later run makes it again, though this one may be killed before it has ended the job.
        """
        status = "answered" if job.is_over else "cancelled"
        if not job.is_over:
            self.workers.stop(job, reason)
        if job.asked is not None:
            # Nothing is in the log yet: it runs, or its latents are on their way to the store.
            self._settle(job.log_name, status, reason, job.request.arrival_s)
        self.jobs.forget(job)

    def _taken(self, request: Request, name: str, log_name: str) -> Job:
        bench = self._bench
        if request.steps is None and self.rule.steps is not None:
            request = msgspec.structs.replace(request, steps=self.rule.steps)
        tenant = request.tenant or ""
        shape = self._shape(request)
        job = Job(
            facts=self._facts(request, name, tenant, shape),
            request=request,
            log_name=log_name,
            video=video_name(tenant, name),
        )
        try:
            job.asked = bench.chorus.ask(request, observer=job.step_done)
        except ChorusError as error:
            raise refused(error) from error
        job.key = job.asked.query.sequence
        job.request = msgspec.structs.replace(
            request,
            id=log_name,
            arrival_s=bench.chorus.now(),
            steps=shape.steps,
            # Tells whose calls are whose in the log.
            extra=request.extra | {"key": job.key},
        )
        if bench.log is not None:
            self._logged(job.request)
        self._log_names.add(hash(log_name))
        self.jobs.enter(job)
        job.copy = bench.chorus.find_copy(job.asked)
        self.workers.accept(job)
        return job

    def _settle(self, log_name: str, status: str, reason: str, arrival_s: float = 0.0) -> None:
        """Tell later runs that there is nothing more to do for a request."""
        # It would settle any other of that name in this run's log too.
        self._log_names.add(hash(log_name))
        if self._bench.log is not None:
            now = self._bench.chorus.now()
            self._bench.log.failure(
                Failure(id=log_name, arrival_s=arrival_s, at_s=now, status=status, reason=reason)
            )

    def _lost(self, request: Request, name: str, reason: str) -> None:
        tenant = request.tenant or ""
        facts = self._facts(request, name, tenant, self._default)
        facts.status, facts.completed_at = "failed", facts.created_at
        facts.error_code, facts.error = "not_served_any_more", reason
        video = video_name(tenant, name)
        job = Job(facts=facts, request=request, log_name=request.id, video=video)
        self._settle(request.id, "failed", reason)
        job.tell()
        self.jobs.enter(job)
        self.jobs.over(job)

    def _logged(self, request: Request) -> None:
        log = self._bench.log
        try:
            if log is not None:
                log.request(request)
        except OSError as error:
            raise Refusal(
                503,
                "log_full",
                f"the log cannot be written ({error.strerror}); nothing is accepted until it can",
                retry_after_s=30,
            ) from error

    def _facts(self, request: Request, name: str, tenant: str, shape: Shape) -> Facts:
        return Facts(
            id=name,
            tenant=tenant,
            model=shape.model,
            prompt=request.prompt,
            size=f"{shape.width}x{shape.height}",
            seconds=f"{shape.frames / self._bench.clips.frames_per_s:g}",
            created_at=epoch_s(),
        )

    def _shape(self, request: Request) -> Shape:
        """Return the shape of a request. Raises ``Refusal`` for one that is not served."""
        try:
            shape = self._bench.chorus.model.shape_of(request)
        except ChorusError as error:
            raise refused(error) from error
        own = self._default
        most = MOST_TIMES_LARGER * own.width * own.height * own.frames
        if shape.width * shape.height * shape.frames > most:
            raise Refusal(
                400,
                "too_large",
                f"size is {shape.width}x{shape.height} with {shape.frames} frames; at most "
                f"{MOST_TIMES_LARGER} times {own.width}x{own.height}x{own.frames} is served",
            )
        return shape

    def _log_name(self, tenant: str, name: str) -> str:
        """Return a name no other line of this run's log has; tenants may choose equal ids."""
        if hash(name) not in self._log_names:
            return name
        own = f"{tenant}/{name}"
        return own if hash(own) not in self._log_names else f"{own}/{secrets.token_hex(4)}"
