"""Who computes points: this process, others on this machine, or (``ray_cluster.py``) others."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from typing import Any, Protocol

from chorus_sim.sweep.finished import Finished
from chorus_sim.sweep.point import Names
from chorus_sim.sweep.runner import Job, Load, Refused, Runner

Outcome = Finished | Refused


class Worker(Protocol):
    """Computes one point at a time; it keeps what the next one may share."""

    def submit(self, job: Job) -> "Future[Outcome]":
        """Begin to compute a point."""


class Here:
    """Computes points in this process: ``submit`` returns when the point is done."""

    def __init__(self, load: Load, names: Names, version: str) -> None:
        self._runner = Runner(load, names, version)

    def submit(self, job: Job) -> "Future[Outcome]":
        """Compute a point."""
        future: Future[Outcome] = Future()
        future.set_result(self._runner.run(job))
        return future


class Beside:
    """Computes points in one other process of this machine."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, job: Job) -> "Future[Outcome]":
        """Send a point to the process."""
        return self._pool.submit(_run, job)


@contextmanager
def processes(jobs: int, load: Load, names: Names, version: str) -> Iterator[list[Worker]]:
    """Yield as many workers, each a fresh process that lives until the block ends."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [
            ProcessPoolExecutor(1, context, initializer=_begin, initargs=(load, names, version))
            for _ in range(jobs)
        ]
        for pool in pools:
            stack.enter_context(pool)
        yield [Beside(pool) for pool in pools]


_state: dict[str, Any] = {}


def _begin(load: Load, names: Names, version: str) -> None:
    """Make the process's runner."""
    end_with_parent()
    _state["runner"] = Runner(load, names, version)


def end_with_parent() -> None:
    """Let this worker process end when its parent does, and at Ctrl-C, at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _run(job: Job) -> Outcome:
    runner: Runner = _state["runner"]
    return runner.run(job)
