"""Workers on a Ray cluster: one actor per CPU, each with what it prepared.

Traces, policies and profiles travel from here through Ray's object store, so the machines of the
cluster need this package, in the same version, and no files. A policy part of one's own is a file
and must lie at the same path everywhere. Each machine builds a graph once and keeps it in its own
cache folder.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from chorus_sim.scenario import Scenario
from chorus_sim.sweep.point import Names, trace_fields
from chorus_sim.sweep.runner import Job, Load, Runner
from chorus_sim.sweep.workers import Outcome, Worker
from chorus_traces.errors import EngineError, ScenarioError
from chorus_traces.trace import Trace

#: Seconds a cluster has to answer.
ANSWER_S = 30

#: Starts a cluster on this machine for as long as the sweep runs.
LOCAL = "local"

_PROBE = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class OnCluster:
    """Computes points in one actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def submit(self, job: Job) -> "Future[Outcome]":
        """Send a point to the actor; a lost actor is an ``EngineError``."""
        answer: Future[Outcome] = Future()

        def pass_on(done: "Future[Outcome]") -> None:
            error = done.exception()
            if error is None:
                answer.set_result(done.result())
            else:
                answer.set_exception(_lost(error))

        self._actor.run.remote(job).future().add_done_callback(pass_on)
        return answer


class Shipped:
    """Returns traces from Ray's object store; what each process fetches lies there once."""

    def __init__(self, references: dict[tuple[object, ...], Any]) -> None:
        self._references = references

    def __call__(self, scenario: Scenario) -> Trace:
        """Return the trace of a scenario."""
        import ray

        trace: Trace = ray.get(self._references[trace_fields(scenario)])
        return trace


@contextmanager
def cluster(address: str, jobs: int) -> Iterator[int]:
    """Connect to the cluster at ``address`` and yield how many workers it has room for.

    ``auto`` is the cluster this machine belongs to, ``local`` starts one for the block, of
    ``jobs`` CPUs (0: all). Raises ``ScenarioError`` when none answers in ``ANSWER_S`` seconds, and
    ``ModuleNotFoundError`` when Ray is not installed.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=jobs or None, include_dashboard=False, **quiet)
    else:
        _probe(address)
        ray.init(address, **quiet)
    try:
        room = int(ray.cluster_resources().get("CPU", 0))
        if room < 1:
            raise ScenarioError(f"--ray {address}: the cluster has no CPU for a worker")
        yield min(jobs or room, room)
    finally:
        ray.shutdown()


def ship(traces: dict[tuple[object, ...], Trace]) -> Load:
    """Put the traces into the object store; return what fetches them."""
    import ray

    return Shipped({fields: ray.put(trace) for fields, trace in traces.items()})


def actors(count: int, load: Load, names: Names, version: str) -> list[Worker]:
    """Start the workers; they live until the connection to the cluster ends."""
    import ray

    kind = ray.remote(num_cpus=1)(Runner)
    return [OnCluster(kind.remote(load, names, version)) for _ in range(count)]


def _probe(address: str) -> None:
    """Ask the cluster in a process of its own: Ray itself waits for minutes."""
    if address != "auto":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if not host or not port.isdigit():
            raise ScenarioError(f"--ray {address}: write auto, local, or HOST:PORT")
        try:
            socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise ScenarioError(
                f"--ray {address}: no answer within {ANSWER_S} s ({error}); start the cluster with "
                "'ray start --head', or use --ray local"
            ) from None
    try:
        asked = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", _PROBE, address], capture_output=True, timeout=ANSWER_S
        )
    except subprocess.TimeoutExpired:
        raise ScenarioError(
            f"--ray {address}: no answer within {ANSWER_S} s; is it a Ray cluster?"
        ) from None
    if asked.returncode:
        if b"InvalidAuthToken" in asked.stderr:
            raise ScenarioError(
                f"--ray {address}: the cluster asks for its token; set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
            )
        lines = asked.stderr.decode(errors="replace").strip().splitlines()
        raise ScenarioError(f"--ray {address}: {lines[-1] if lines else 'no cluster'}")


def _lost(error: BaseException) -> BaseException:
    """Return what to raise for a point that an actor did not answer."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, EngineError):
        return cause
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return EngineError(
        f"a Ray worker was lost ({line}); finished points are kept: repeat the command"
    )
