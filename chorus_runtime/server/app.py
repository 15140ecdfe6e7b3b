"""The application: every route of a server, around one desk."""

import asyncio
import importlib.resources
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Response
from starlette.responses import HTMLResponse

from chorus_runtime.server.admin_routes import admin_routes
from chorus_runtime.server.desk import Desk
from chorus_runtime.server.metrics import Metrics
from chorus_runtime.server.refusal import Refusal
from chorus_runtime.server.series import EVERY_S, Series
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.video_routes import VideoRoutes
from chorus_runtime.server.web import answer_errors, as_json, front
from chorus_runtime.server.workers import Bench


def make_app(desk: Desk, bench: Bench, tenants: Tenants) -> FastAPI:
    """Return the application of ``desk``; its workers are started and ended by the caller."""
    series, metrics, one_thread = Series(desk, bench), Metrics(desk, bench), front()

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        del app
        ticking = asyncio.create_task(_tick(series, bench))
        yield
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        one_thread.shutdown()

    app = FastAPI(lifespan=living, openapi_url=None, title="chorus-runtime")
    answer_errors(app)
    app.include_router(VideoRoutes(desk, bench, tenants, one_thread).router)
    app.include_router(admin_routes(desk, bench, tenants, series))
    page = (importlib.resources.files("chorus_runtime.server") / "dashboard.html").read_text(
        "utf-8"
    )

    @app.get("/")
    async def dashboard() -> Response:
        return HTMLResponse(page)

    @app.get("/healthz")
    async def alive() -> Response:
        if not desk.workers.are_alive():
            raise Refusal(500, "workers_ended", "a worker thread has ended; restart the server")
        return as_json({"status": "ok"})

    @app.get("/readyz")
    async def ready() -> Response:
        trouble = desk.draining or (bench.log.trouble if bench.log is not None else "")
        if trouble := trouble or desk.workers.trouble:
            raise Refusal(503, "not_ready", trouble)
        return as_json({"status": "ready"})

    @app.get("/metrics")
    async def measured() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


async def _tick(series: Series, bench: Bench) -> None:
    while True:
        series.take()
        if bench.log is not None:
            bench.log.settle()
        for name in bench.videos.expired():
            bench.videos.drop(name)
        await asyncio.sleep(EVERY_S)
