"""The log of one run: a folder that says what was asked, decided and measured.

``--log DIR`` gets a folder ``run-0001``, ``run-0002`` ... for each start of the server, because
instants count from it and keys may be given again. In it: ``live.json`` (what served),
``policy.toml``, ``requests.jsonl`` (a trace of what was accepted), ``records.jsonl`` (a record per
finished request), ``failures.jsonl`` (those that have none, and why), ``calls.log`` and
``journal.jsonl`` (every call into the cache, and its answer). Lines are only ever added.
"""

import os
import re
import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from chorus_policies.journal import JournalRow
from chorus_policies.live.call_log import CallLog
from chorus_policies.live.calls import Call
from chorus_policies.live.record import Record
from chorus_runtime.server.group_sync import GroupSync
from chorus_runtime.server.line_file import LineFile
from chorus_traces.errors import EngineError
from chorus_traces.request import Request

REQUESTS, RECORDS, FAILURES = "requests.jsonl", "records.jsonl", "failures.jsonl"

_LIVE = "live.json"

_RUN = re.compile(r"run-(\d{4,})")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted request without a record, and why.

    ``status`` is failed or cancelled where it has no video, and answered where it got one that was
    deleted, or whose server ended, before its record was written.
    """

    id: str
    arrival_s: float
    at_s: float
    status: str
    reason: str


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of earlier runs, oldest first."""
    if not folder.is_dir():
        return []
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _matched(path))]
    return [path for _, path in sorted(found)]


class RunFolder:
    """Writes one run's log; its methods may be called from any thread.

    ``durable`` lets ``synced`` wait until requests are on the disk itself.
    Calls and rows are part of serving and must not fail it: where they cannot be written, none is
    any more, and the log cannot be replayed from there on. Records and failures tell the next run
    what not to make again: where they cannot be written they wait until they can, and no request is
    accepted meanwhile. ``trouble`` says either.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        earlier = runs_in(folder)
        number = int(_RUN.fullmatch(earlier[-1].name)[1]) + 1 if earlier else 1  # type: ignore[index]
        self.path = folder / f"run-{number:04d}"
        self._broken, self._owing = "", ""
        self._owed: deque[Record | Failure] = deque()
        self._lock = Lock()
        try:
            self.path.mkdir(parents=True)
            self._calls = CallLog(self.path / "calls.log")
            self._rows = LineFile(self.path / "journal.jsonl")
            self._requests = LineFile(self.path / REQUESTS)
            self._records = LineFile(self.path / RECORDS)
            self._failures = LineFile(self.path / FAILURES)
            if durable:
                _sync_folders(self.path, folder)
        except OSError as error:
            raise EngineError(f"{self.path}: cannot hold a log ({error.strerror})") from error
        self._sync = GroupSync(self._requests.sync) if durable else None

    @property
    def trouble(self) -> str:
        """Why not all is written, empty while all is."""
        found = self._broken or self._owing
        return found and f"{self.path}: the log cannot be written: {found}"

    def synced(self) -> "Future[None] | None":
        """Return what is done when every request so far outlives a loss of power, if it is to.

        It fails with ``OSError`` where the disk does.
        """
        return None if self._sync is None else self._sync.synced()

    def call(self, call: Call) -> None:
        """Keep a call into the cache."""
        self._keep(self._calls.write, call)

    def row(self, row: JournalRow) -> None:
        """Keep a row of the journal."""
        self._keep(self._rows.write, row)

    def describe(self, live: dict[str, Any]) -> None:
        """Write ``live.json``."""
        text = msgspec.json.format(msgspec.json.encode(live), indent=2)
        (self.path / _LIVE).write_bytes(text + b"\n")

    def request(self, request: Request) -> None:
        """Keep an accepted request. Raises ``OSError``: it must not be acknowledged then."""
        self.settle()
        if self._owed:
            raise OSError(None, self._owing)
        stated = msgspec.to_builtins(request)
        stated.pop("extra", None)
        self._requests.write({**stated, **request.extra})

    def record(self, record: Record) -> None:
        """Keep what happened to a finished request."""
        self._owed.append(record)
        self.settle()

    def failure(self, failure: Failure) -> None:
        """Keep why a request has no record."""
        self._owed.append(failure)
        self.settle()

    def settle(self) -> None:
        """Write the records and failures that wait, where that is possible now."""
        with self._lock:
            try:
                while self._owed:
                    owed = self._owed[0]
                    (self._records if isinstance(owed, Record) else self._failures).write(owed)
                    self._owed.popleft()
                self._owing = ""
            except (OSError, ValueError) as error:
                self._owing = str(error)

    def close(self) -> None:
        """Close every file."""
        self.settle()
        if self._sync is not None:
            self._sync.close()
        for file in (self._calls, self._rows, self._requests, self._records, self._failures):
            file.close()

    def discard_empty(self) -> None:
        """Close the log; a run that never got to serve leaves none."""
        self.close()
        if not (self.path / _LIVE).exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def _keep(self, write: Callable[[Any], None], value: Any) -> None:
        if self._broken:
            return
        try:
            write(value)
        except (OSError, ValueError) as error:
            self._broken = str(error)


def _sync_folders(*folders: Path) -> None:
    """Bring the names of new files to the disk."""
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _matched(path: Path) -> "re.Match[str] | None":
    return _RUN.fullmatch(path.name)
