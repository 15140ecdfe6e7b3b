"""The routes of clients: make a video, ask how it is, fetch it, judge it, cancel it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from chorus_runtime.server.desk import Desk
from chorus_runtime.server.feedback import judge, read_feedback
from chorus_runtime.server.job import Job
from chorus_runtime.server.refusal import Refusal, bad
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.video_request import read_body
from chorus_runtime.server.web import as_json, body_of
from chorus_runtime.server.workers import Bench

_MOST_LISTED = 100


class VideoRoutes:
    """Serves ``/v1/videos``; ``front`` is the one thread that takes requests in."""

    def __init__(
        self, desk: Desk, bench: Bench, tenants: Tenants, front: ThreadPoolExecutor
    ) -> None:
        self._desk = desk
        self._bench = bench
        self._tenants = tenants
        self._front = front
        self.router = APIRouter(prefix="/v1/videos")
        add = self.router.add_api_route
        add("", self.create, methods=["POST"])
        add("/sync", self.create_and_wait, methods=["POST"])
        add("", self.listed, methods=["GET"])
        add("/{name}", self.retrieve, methods=["GET"])
        add("/{name}/content", self.content, methods=["GET"])
        add("/{name}/feedback", self.feedback, methods=["POST"])
        add("/{name}", self.delete, methods=["DELETE"])

    async def create(self, request: Request) -> Response:
        """Accept a request and return its job at once."""
        return as_json(self._shown(await self._accepted(request)))

    async def create_and_wait(self, request: Request) -> Response:
        """Accept a request and return its video; one whose client leaves is cancelled."""
        content = request.query_params.get("content", "none")
        if content not in ("none", "mp4"):
            raise bad(f"content is {content[:80]!r}; none or mp4 is needed")
        job = await self._accepted(request)
        if not await _answered(request, job):
            self._desk.delete(job, "the client left")
            return Response(status_code=499)
        _check_made(job)
        video = self._shown(job)
        if content == "none":
            return as_json(video | {"content_url": f"/v1/videos/{job.facts.id}/content"})
        made = json.dumps(video["chorus"])
        return self._file(job, {"Chorus-Video": job.facts.id, "Chorus-Made": made})

    async def listed(self, request: Request) -> Response:
        """Return a page of the tenant's jobs, newest first."""
        jobs = self._desk.jobs.of(self._tenant(request))
        query = request.query_params
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise bad(f"order is {order[:80]!r}; asc or desc is needed")
        if order == "desc":
            jobs.reverse()
        after = query.get("after")
        names = [job.facts.id for job in jobs]
        if after is not None:
            if after not in names:
                raise bad(f"after is {after[:80]!r}; the id of a video is needed")
            jobs = jobs[names.index(after) + 1 :]
        page = [self._shown(job) for job in jobs[: _limit(query.get("limit", "20"))]]
        return as_json(
            {
                "object": "list",
                "data": page,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
                "has_more": len(jobs) > len(page),
            }
        )

    async def retrieve(self, request: Request, name: str) -> Response:
        """Return how a job is."""
        return as_json(self._shown(self._job(request, name)))

    async def content(self, request: Request, name: str) -> Response:
        """Return the video."""
        job = self._job(request, name)
        if not job.is_over:
            raise Refusal(
                409,
                "not_ready",
                f"video {name!r} is {job.facts.status}; wait until it is completed",
                retry_after_s=self._desk.wait_s(),
            )
        _check_made(job)
        return self._file(job, {})

    async def feedback(self, request: Request, name: str) -> Response:
        """Learn what the client thinks of its video."""
        job = self._job(request, name)
        said = read_feedback(await body_of(request))
        judging = partial(
            judge, job, said, self._bench, self._desk.experience, retry_s=self._desk.wait_s()
        )
        return as_json(await asyncio.get_running_loop().run_in_executor(self._front, judging))

    async def delete(self, request: Request, name: str) -> Response:
        """Cancel a job that is not over; forget it and its video."""
        job = self._job(request, name)
        self._desk.delete(job, "cancelled by its client")
        return as_json({"id": job.facts.id, "object": "video.deleted", "deleted": True})

    async def _accepted(self, request: Request) -> Job:
        tenant = self._tenant(request)
        self._desk.check_open()
        stated = request.headers.get("content-type", "")
        wanted = read_body(await body_of(request), stated)
        loop = asyncio.get_running_loop()
        job = await loop.run_in_executor(self._front, self._desk.accept, wanted, tenant)
        await self._on_disk(job)
        return job

    async def _on_disk(self, job: Job) -> None:
        """Wait until an accepted request outlives a loss of power, where the log is durable."""
        synced = None if self._bench.log is None else self._bench.log.synced()
        if synced is None:
            return
        try:
            await asyncio.wrap_future(synced)
        except (OSError, ValueError) as error:
            self._desk.delete(job, "its request could not be kept")
            raise Refusal(
                503, "log_full", f"the log cannot be synced ({error})", retry_after_s=30
            ) from error

    def _tenant(self, request: Request) -> str:
        return self._tenants.tenant_of(request.headers.get("authorization"))

    def _job(self, request: Request, name: str) -> Job:
        return self._desk.jobs.find(self._tenant(request), name)

    def _shown(self, job: Job) -> dict[str, Any]:
        return job.as_video(self._bench.videos.limits.age_s)

    def _file(self, job: Job, headers: dict[str, str]) -> Response:
        path = self._bench.videos.path(job.video)
        if path is None or not path.is_file():
            raise Refusal(410, "expired", f"video {job.facts.id!r} is not kept any more; ask again")
        return FileResponse(path, media_type="video/mp4", headers=headers)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST_LISTED:
        raise bad(f"limit is {text[:80]!r}; 1 to {_MOST_LISTED} is needed")
    return int(text)


async def _answered(request: Request, job: Job) -> bool:
    """Wait for the answer; tell whether the client still waits for it too."""
    told = asyncio.wrap_future(job.told)
    left = asyncio.ensure_future(_disconnected(request))
    await asyncio.wait({told, left}, return_when=asyncio.FIRST_COMPLETED)
    if told.done():
        left.cancel()
        return True
    return False


async def _disconnected(request: Request) -> None:
    """Wait until the client closes its connection; its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_made(job: Job) -> None:
    """Raise ``Refusal`` where a job is over without a video."""
    facts = job.facts
    if facts.status == "completed":
        return
    if facts.error_code == "going_down":
        raise Refusal(503, "going_down", facts.error, retry_after_s=5)
    status = 409 if facts.status == "cancelled" else 500
    raise Refusal(status, facts.error_code or "failed", f"no video was made: {facts.error}")
