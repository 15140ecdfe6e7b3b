"""The routes of operators: look at queue and cache, invalidate, drain, fetch the log."""

import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from fastapi import APIRouter, Depends, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from chorus_runtime.server.desk import Desk
from chorus_runtime.server.invalidation import invalidate, read_invalidation
from chorus_runtime.server.refusal import Refusal
from chorus_runtime.server.series import Series
from chorus_runtime.server.state import state_of
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.web import as_json, body_of
from chorus_runtime.server.workers import Bench

_MOST_IN_MEMORY_BYTES = 16 * 2**20

_CHUNK_BYTES = 2**18

#: Pixels a side of each pixel of a frame strip are at least so many in all.
_STRIP_SIDE = 64


def admin_routes(desk: Desk, bench: Bench, tenants: Tenants, series: Series) -> APIRouter:
    """Return the routes below ``/admin``."""

    def operator(request: Request) -> None:
        tenants.check_admin(request.headers.get("authorization"))

    routes = APIRouter(prefix="/admin", dependencies=[Depends(operator)])

    @routes.get("/state")
    async def state() -> Response:
        return as_json(state_of(desk, bench, series))

    @routes.post("/invalidate")
    async def invalidated(request: Request) -> Response:
        wanted = read_invalidation(await body_of(request))
        dropped = await run_in_threadpool(invalidate, bench.chorus, wanted)
        return as_json({"dropped": dropped})

    @routes.post("/drain")
    async def drain() -> Response:
        desk.draining = desk.draining or "the server takes nothing in: an operator drains it"
        return as_json({"draining": True, "waiting": desk.workers.waiting})

    @routes.get("/strips/{key}.png")
    async def strip(key: int) -> Response:
        pixels = bench.tally.strip(key)
        if pixels is None:
            raise Refusal(404, "not_found", f"the frames of entry {key} are not kept any more")
        scale = max(1, -(-_STRIP_SIDE // pixels.shape[0]))
        image = BytesIO()
        Image.fromarray(pixels.repeat(scale, 0).repeat(scale, 1)).save(image, format="PNG")
        return Response(image.getvalue(), media_type="image/png")

    @routes.get("/log.tar")
    async def log_tar() -> Response:
        if bench.log is None:
            raise Refusal(404, "no_log", "this server keeps no log; start it with --log DIR")
        packed = await run_in_threadpool(_packed, bench.log.path)
        return StreamingResponse(_chunks(packed), media_type="application/x-tar")

    return routes


def _packed(folder: Path) -> IO[bytes]:
    """Return a tar of the run's folder as it is now."""
    packed: IO[bytes] = tempfile.SpooledTemporaryFile(_MOST_IN_MEMORY_BYTES)  # noqa: SIM115
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, folder.name)
    packed.seek(0)
    return packed


def _chunks(packed: IO[bytes]) -> Iterator[bytes]:
    with packed:
        while chunk := packed.read(_CHUNK_BYTES):
            yield chunk
