"""What all routes share: reading a body, answering in JSON, and refusing."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from chorus_runtime.server.refusal import Refusal, bad
from chorus_runtime.server.video_request import MOST_BODY_BYTES

_LOG = logging.getLogger("chorus.server")


def front() -> ThreadPoolExecutor:
    """Return the one thread that takes requests in: their order is that of their arrival."""
    return ThreadPoolExecutor(1, thread_name_prefix="chorus-desk")


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def refuse(refusal: Refusal) -> Response:
    """Return the response of a refusal."""
    return as_json(refusal.body(), refusal.status, refusal.headers())


async def body_of(request: Request) -> bytes:
    """Return a body. Raises ``Refusal`` for one that is too long, without reading on."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise Refusal(413, "too_long", f"the body has over {MOST_BODY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def answer_errors(app: FastAPI) -> None:
    """Let every error reach the client as one line of JSON; none carries a traceback."""

    async def refused(request: Request, error: Exception) -> Response:
        del request
        if isinstance(error, Refusal):
            return refuse(error)
        if isinstance(error, HTTPException):
            code = {404: "no_such_path", 405: "method_not_allowed"}.get(error.status_code, "http")
            return refuse(Refusal(error.status_code, code, str(error.detail)))
        if isinstance(error, RequestValidationError):
            return refuse(bad("the address holds no number where one is needed"))
        _LOG.error("request failed", exc_info=error)
        return refuse(Refusal(500, "internal", f"internal error ({type(error).__name__})"))

    for kind in (Refusal, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, refused)
