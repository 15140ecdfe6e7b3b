"""Hands on a Ray cluster: one that runs already, or one of this machine alone."""

import os
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.server.engine_times import engine_times
from chorus_runtime.server.fake_model import FakeClips, FakeVideo
from chorus_traces.errors import EngineError

if TYPE_CHECKING:
    from chorus_runtime.server.far.model import FarModel

#: Starts a cluster of this machine alone, which ends with the server.
LOCAL = "local"

#: Seconds a cluster has to answer.
_PATIENCE_S = 5.0


def far_model(
    address: str,
    number: int,
    *,
    name: str,
    weights: str | None,
    fake: str,
    device: str,
    hang_after_s: float,
) -> "FarModel":
    """Return a model of ``number`` hands; every machine must have this package and the weights.

    ``fake`` is ``fake:`` and its times, empty for a real engine. Raises ``EngineError`` for a
    cluster that cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    from chorus_runtime.server.far.hands import Hands
    from chorus_runtime.server.far.model import FarModel

    _check_reachable(address)
    try:
        ray.init(
            address=None if address == LOCAL else address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise EngineError(f"--ray {address}: no cluster can be used ({reason})") from error
    gpus = 1 if device.startswith("cuda") else 0
    make = partial(make_model, name, weights, fake, device)
    resources = {"num_cpus": 0, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
    try:
        return FarModel(Hands(make, number, resources, hang_after_s=hang_after_s))
    except ray.exceptions.RayError as error:
        reason = next(iter(str(error).strip().splitlines()[::-1]), type(error).__name__)
        raise EngineError(f"--ray {address}: the hands do not start ({reason[:200]})") from error


def _check_reachable(address: str) -> None:
    """Raise ``EngineError`` where nobody listens: Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port
    except ValueError as error:
        raise EngineError(f"--ray {address}: not an address ({error})") from error
    if port is None:
        return
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise EngineError(f"--ray {address}: no cluster answers ({error})") from error


def make_model(name: str, weights: str | None, fake: str, device: str) -> tuple[VideoModel, int]:
    """Return the model of one hand and its frames per second, made where it runs."""
    if fake:
        return FakeVideo(engine_times(fake)), FakeClips.frames_per_s
    from chorus_runtime.cli.load_model import load_model

    loaded = load_model(name, Path(weights) if weights else None, device)
    return loaded.model, loaded.frames_per_s
