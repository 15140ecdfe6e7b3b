"""What earlier runs accepted and did not finish: found in their logs, to be served now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from chorus_runtime.server.run_folder import FAILURES, RECORDS, REQUESTS, runs_in
from chorus_traces.errors import EngineError, TraceError
from chorus_traces.request import REQUEST_FIELDS, Request


def unfinished(folder: Path) -> list[Request]:
    """Return the accepted requests of all runs in ``folder`` that have neither record nor failure.

    Raises ``EngineError`` naming a line that cannot be read.
    """
    waiting: dict[str, Request] = {}
    for run in runs_in(folder):
        for line in _lines(run / REQUESTS):
            stated = {name: line.pop(name) for name in REQUEST_FIELDS if name in line}
            try:
                request = msgspec.convert(stated | {"extra": line}, Request)
            except (msgspec.ValidationError, TraceError) as error:
                raise EngineError(f"{run / REQUESTS}: not a request: {error}") from error
            waiting[request.id] = request
        for name in (RECORDS, FAILURES):
            for line in _lines(run / name):
                waiting.pop(line["id"], None)
    return list(waiting.values())


def owner_of(request: Request) -> tuple[str, str]:
    """Return the tenant of a logged request, and the id by which that tenant knows it."""
    tenant = request.tenant or ""
    # What follows a slash tells apart what a tenant, or two, called alike.
    return tenant, request.id.removeprefix(f"{tenant}/").partition("/")[0]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    # What follows the last line feed is empty, or a line whose writer was killed.
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise EngineError(f"{path}:{number}: damaged: {error}") from error
