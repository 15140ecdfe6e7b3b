"""What goes over the wire: a request as a body, an answer as a reply, and the server's own log."""

import asyncio
import io
import re
import socket
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import httpx
import msgspec

from chorus_runtime.clock import Clock
from chorus_runtime.replay.drive import Reply
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

#: Names the server takes as the id of a video.
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

#: Fields of a request that the server takes as they are. The tenant is the key's.
_SENT = ("prompt", "negative_prompt", "model", "seed", "steps", "guidance", "width", "height")
_FIELDS = (*_SENT, "frames", "user")

#: Seconds between two looks for a server that is not there yet.
_ASK_AGAIN_S = 0.25

#: Files of a server's run that make a live folder whole.
RUN_FILES = ("live.json", "policy.toml", "calls.log", "journal.jsonl", "requests.jsonl")
_LOG_FILES = (*RUN_FILES, "records.jsonl", "failures.jsonl")


class Wire:
    """Talks to one server. ``timeout_s`` is for a whole answer, waiting in its queue included.

    ``key`` is the operator's; a request goes out under its tenant's of ``tenant_keys``, if any.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        timeout_s: float,
        tenant_keys: Mapping[str, str] | None = None,
    ) -> None:
        headers = {} if key is None else _bearer(key)
        self._tenant_keys = tenant_keys or {}
        self.url = url.rstrip("/")
        try:
            self._client = httpx.AsyncClient(
                base_url=self.url,
                headers=headers,
                timeout=httpx.Timeout(timeout_s, connect=10.0),
                limits=httpx.Limits(max_connections=None),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise EngineError(f"--url {url}: {error}; http://HOST:PORT is needed") from error

    async def __aenter__(self) -> "Wire":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    async def wait(self, wait_s: float, waits: Callable[[], None] | None = None) -> None:
        """Wait ``wait_s`` at most while connections are refused: the server loads its model.

        ``waits`` is called once where that is so. Whatever else is wrong, ``state`` says.
        """
        clock = Clock()
        while clock.now() < wait_s:
            try:
                await self._client.get("/healthz")
            except httpx.ConnectError as error:
                if _has_no_address(error):
                    return
                if waits is not None:
                    waits()
                    waits = None
                await asyncio.sleep(_ASK_AGAIN_S)
            except (httpx.HTTPError, httpx.InvalidURL):
                return
            else:
                return

    async def state(self) -> dict[str, Any]:
        """Return what the server says of itself. Raises ``EngineError`` where it says nothing."""
        try:
            answer = await self._client.get("/admin/state")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EngineError(
                f"--url {self.url}: no server answers ({type(error).__name__}); start "
                "chorus-runtime serve, or name its address"
            ) from error
        if answer.status_code in (401, 403):
            raise EngineError(f"--url {self.url}: {_said(answer)}; give an operator's with --key")
        state = _json(answer)
        if answer.status_code != 200 or not isinstance(state.get("model"), str):
            raise EngineError(f"--url {self.url}: is not a chorus-runtime serve")
        return state

    async def send(self, request: Request) -> Reply:
        """Ask for a video and wait until it is made; it raises nothing."""
        body = {name: value for name in _FIELDS if (value := getattr(request, name)) is not None}
        if _ID.fullmatch(request.id):
            body["id"] = request.id
        try:
            answer = await self._client.post(
                "/v1/videos/sync", json=body, headers=self._headers_of(request)
            )
        except httpx.HTTPError as error:
            return Reply(status=0, error=f"{type(error).__name__}: {error}".strip(": "))
        said = _json(answer)
        if answer.status_code != 200:
            return Reply(status=answer.status_code, error=_said(answer))
        return Reply(
            status=answer.status_code,
            server_id=str(said.get("id", "")),
            kind=str((said.get("chorus") or {}).get("kind", "")),
        )

    def _headers_of(self, request: Request) -> dict[str, str]:
        key = self._tenant_keys.get(request.tenant or "")
        return {} if key is None else _bearer(key)

    async def fetch_log(self, folder: Path) -> None:
        """Put the server's log of its run into ``folder``. Raises ``EngineError``."""
        try:
            answer = await self._client.get("/admin/log.tar")
        except httpx.HTTPError as error:
            raise EngineError(
                f"{self.url}: the log cannot be fetched ({type(error).__name__}); {folder} has "
                "what the client saw"
            ) from error
        if answer.status_code != 200:
            raise EngineError(f"{self.url}: the log cannot be fetched: {_said(answer)}")
        unpack_log(answer.content, folder)


def unpack_log(packed: bytes, folder: Path) -> None:
    """Write the log files of a tar into ``folder``; whatever else it holds is passed over."""
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            for member in tar.getmembers():
                name = PurePosixPath(member.name).name
                source = tar.extractfile(member) if member.isfile() else None
                if name in _LOG_FILES and source is not None:
                    (folder / name).write_bytes(source.read())
    except (tarfile.TarError, OSError) as error:
        raise EngineError(f"{folder}: the server's log cannot be unpacked ({error})") from error
    lacking = [name for name in RUN_FILES if not (folder / name).is_file()]
    if lacking:
        raise EngineError(f"{folder}: the server's log has no {', '.join(lacking)}")


def _has_no_address(error: BaseException) -> bool:
    """Tell whether a host's name is unknown: no server will come there."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, socket.gaierror):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _said(answer: httpx.Response) -> str:
    """Return the server's own line, or the status where it has none."""
    error = _json(answer).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message) if message else f"status {answer.status_code}"
