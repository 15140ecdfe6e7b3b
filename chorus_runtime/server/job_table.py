"""Every job the server knows, by tenant and id, until it is forgotten."""

from collections import OrderedDict
from threading import Lock

from chorus_runtime.server.job import Job
from chorus_runtime.server.refusal import not_found
from chorus_runtime.server.videos import VideoFolder


class JobTable:
    """Remembers jobs; of those that are over the last ``most``, and as long as their video is kept.

    Methods may be called from any thread.
    """

    def __init__(self, videos: VideoFolder, most: int) -> None:
        self._videos = videos
        self._most = most
        self._lock = Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._finished: OrderedDict[Job, None] = OrderedDict()
        self._by_video: dict[str, Job] = {}
        videos.forgotten = self._expired

    def __contains__(self, name: tuple[str, str]) -> bool:
        """Tell whether a tenant has a job of that id."""
        return name in self._jobs

    def find(self, tenant: str, name: str) -> Job:
        """Return a tenant's job. Raises ``Refusal`` (404) for any other."""
        job = self._jobs.get((tenant, name))
        if job is None:
            raise not_found(name)
        return job

    def of(self, tenant: str) -> list[Job]:
        """Return a tenant's jobs, oldest first."""
        with self._lock:
            return [job for (owner, _), job in self._jobs.items() if owner == tenant]

    def enter(self, job: Job) -> None:
        """Know a job from now on."""
        with self._lock:
            self._jobs[(job.facts.tenant, job.facts.id)] = job
            self._by_video[job.video] = job

    def over(self, job: Job) -> None:
        """Remember a job that is over; forget the oldest where there are too many."""
        with self._lock:
            if (job.facts.tenant, job.facts.id) not in self._jobs:
                # Deleted while it ran.
                deleted = [job]
            else:
                self._finished[job] = None
                extra = len(self._finished) - self._most
                deleted = list(self._finished)[: max(0, extra)]
        for old in deleted:
            self.forget(old)

    def forget(self, job: Job) -> None:
        """Forget a job and its video."""
        self._drop(job)
        self._videos.drop(job.video)

    def _drop(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop((job.facts.tenant, job.facts.id), None)
            self._by_video.pop(job.video, None)
            self._finished.pop(job, None)

    def _expired(self, video: str) -> None:
        """Forget the job of a video that was dropped for room or age."""
        job = self._by_video.get(video)
        if job is not None and job.is_over:
            self._drop(job)
