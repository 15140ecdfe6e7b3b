"""Listening: the socket, the signals, and the end of a server.

SIGTERM or SIGINT: nothing new is taken in (503), what was accepted is finished for as long as the
limit says, polling clients are still answered, then the server ends. A second signal ends it now.
"""

import signal
import socket
from threading import Event, Thread
from types import FrameType

import uvicorn
from fastapi import FastAPI

from chorus_runtime.server.desk import Desk
from chorus_runtime.server.workers import GOING, Bench
from chorus_traces.errors import EngineError

#: Seconds between two looks at whether the queue is empty.
_LOOK_S = 0.05

#: Seconds clients have to read what they were promised.
_LAST_WORDS_S = 5


def bound(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address. Raises ``EngineError`` where it is not free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        found.close()
        reason = getattr(error, "strerror", None) or error
        raise EngineError(
            f"{host}:{port} cannot be listened on ({reason}); name another"
        ) from error
    return found


def listen(app: FastAPI, socket_: socket.socket, desk: Desk, bench: Bench, drain_s: float) -> None:
    """Serve until a signal ends it; returns once every accepted job is finished or given up."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_LAST_WORDS_S,
        server_header=False,
    )
    _Draining(config, desk, bench, drain_s).run([socket_])


class _Draining(uvicorn.Server):
    """A uvicorn server that finishes its work before it goes."""

    def __init__(self, config: uvicorn.Config, desk: Desk, bench: Bench, drain_s: float) -> None:
        super().__init__(config)
        self._desk = desk
        self._bench = bench
        self._drain_s = drain_s
        self._drainer: Thread | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain, or end at once where that has begun."""
        del frame
        if self._drainer is not None:
            self._drain_s = 0.0
            self.force_exit = sig == signal.SIGINT
            return
        self._desk.draining = GOING
        self._drainer = Thread(target=self._drain, name="chorus-drain", daemon=True)
        self._drainer.start()

    def _drain(self) -> None:
        workers, clock = self._desk.workers, self._bench.chorus
        start, never = clock.now(), Event()
        while (workers.waiting or workers.running) and clock.now() - start < self._drain_s:
            never.wait(_LOOK_S)
        workers.close()
        self.should_exit = True
