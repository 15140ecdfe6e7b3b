"""What the client saw of each request, one line of JSON each, written as it happens."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import msgspec

from chorus_traces.errors import EngineError

#: A request sent later than planned by more than this is counted as late: a fifth of the shortest
#: service time of the embedded model, and more than an idle event loop needs.
LATE_S = 0.02

FILE = "client.jsonl"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One request; instants are in seconds since the replay began, on the client's clock.

    ``status`` is that of the HTTP answer, 0 where there was none; ``error`` says why. ``server_id``
    is what the server calls the request, "" where it did not say.
    """

    id: str
    planned_s: float
    sent_s: float
    answered_s: float
    status: int
    server_id: str = ""
    kind: str = ""
    error: str = ""
    warm_up: bool = False

    @property
    def late(self) -> bool:
        """Tell whether it was sent later than planned."""
        return self.sent_s - self.planned_s > LATE_S


class SentFile:
    """Appends rows to ``client.jsonl`` in ``folder``; each is on disk before the next."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[Sent] = []
        try:
            self._stream: IO[bytes] = (folder / FILE).open("xb", buffering=0)
        except OSError as error:
            raise EngineError(f"{folder / FILE}: cannot be written ({error.strerror})") from error

    def add(self, row: Sent) -> None:
        """Write a row."""
        self.rows.append(row)
        self._stream.write(msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._stream.close()


def counts(rows: Iterable[Sent]) -> dict[str, int]:
    """Return how many requests got each status; "none" stands for no answer."""
    found: dict[str, int] = {}
    for row in rows:
        name = str(row.status) if row.status else "none"
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))
