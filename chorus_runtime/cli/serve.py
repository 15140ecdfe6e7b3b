"""``chorus-runtime serve``: the model behind HTTP, with the cache, until a signal ends it."""

from pathlib import Path
from typing import Any

import click

from chorus_runtime.cli.options import (
    device_option,
    embedder_option,
    model_option,
    policy_option,
    weights_option,
)
from chorus_traces.finite import Finite

_FAKE, _PACED = "fake", "paced"

#: Connections that may wait to be taken.
_BACKLOG = 2048


@click.command()
@model_option("shapes, shapes-4step, the folder of a saved diffusers pipeline, or fake.")
@weights_option
@click.option(
    "--engine",
    default="real",
    show_default=True,
    metavar="real|paced:S[,T,D,E]|fake:S[,T,D,E]",
    help="paced: a step takes S seconds or more, as do text, decoding and encoding. "
    "fake: it only waits, and serves the model fake.",
)
@policy_option
@click.option(
    "--capacity",
    default="2GiB",
    show_default=True,
    metavar="SIZE|TIER=SIZE,...",
    help="Of the cache: of the store with --store, else in memory.",
)
@click.option(
    "--store",
    metavar="DIR|URL",
    help="Latents that outlive the server: a folder, redis://..., or what fsspec reads.",
)
@click.option("--log", metavar="DIR", help="Folder that gets a log of each run, and the videos.")
@click.option(
    "--durable",
    is_flag=True,
    help="Acknowledge a request once it is on disk: it outlives a loss of power.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free."
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--ray",
    metavar="local|ADDRESS",
    help="Workers are actors of this Ray cluster; local starts one here.",
)
@click.option(
    "--hang-after",
    type=Finite(min=0.5),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds of silence, or ten times the longest pause of late if that is more, after which "
    "a worker counts as hung: one elsewhere is replaced, one in this process is told of.",
)
@click.option(
    "--queue", type=click.IntRange(min=1), default=64, show_default=True, help="Most that wait."
)
@click.option("--tenants-file", metavar="TOML", help='Lines "API key" = "tenant".')
@click.option("--share-tenants", is_flag=True, help="Let tenants reuse each other's latents.")
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N", help="Of a request that states none."
)
@embedder_option("What compares prompts; policies are made for minilm.")
@device_option
@click.option(
    "--drain-s",
    type=Finite(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds to finish what was accepted, after SIGTERM.",
)
@click.option(
    "--keep-videos",
    default="1GiB",
    show_default=True,
    metavar="SIZE",
    help="Most bytes of finished videos.",
)
@click.option(
    "--keep-s",
    type=Finite(min=1),
    default=86400.0,
    show_default=True,
    metavar="S",
    help="Most seconds a finished video is kept.",
)
def serve(host: str, port: int, drain_s: float, **options: Any) -> None:
    """Serve a model over HTTP: POST /v1/videos, a dashboard at /, Prometheus at /metrics."""
    import gc
    import sys
    from dataclasses import replace

    import prometheus_client  # noqa: F401 - said here rather than where it is missed

    from chorus_policies.entry import parse_bytes
    from chorus_runtime.prompt_vector import HashedWords, MiniLm
    from chorus_runtime.server.desk import DeskRule
    from chorus_runtime.server.listen import bound, listen
    from chorus_runtime.server.serving import ServerPlan, Serving, check_room, prime
    from chorus_runtime.server.tenants import Tenants, read_tenants
    from chorus_runtime.server.videos import VideoLimits
    from chorus_runtime.store.tiers import store_place
    from chorus_traces.errors import EngineError

    keys, store, log = (options[name] for name in ("tenants_file", "store", "log"))
    if options["durable"] and log is None:
        raise EngineError("--durable has no effect without a log; give --log DIR")
    tenants = Tenants({}) if keys is None else read_tenants(Path(keys))
    try:
        limits = VideoLimits(
            size_bytes=parse_bytes(options["keep_videos"]), age_s=options["keep_s"]
        )
    except ValueError as error:
        raise EngineError(f"--keep-videos: {error}") from error
    plan = ServerPlan(
        policy=options["policy"],
        capacity=_capacity(options["capacity"]),
        store=None if store is None else store_place(store),
        log=None if log is None else Path(log),
        workers=options["workers"],
        rule=DeskRule(waiting=options["queue"], steps=options["steps"]),
        limits=limits,
        share_tenants=options["share_tenants"],
        durable=options["durable"],
        hang_after_s=options["hang_after"],
    )
    socket = bound(host, port)
    with socket:
        model, clips = _model(options)
        check_room(model, plan)
        embedder = MiniLm() if options["embedder"] == "minilm" else HashedWords()
        if options["ray"]:
            plan = replace(plan, device=model.hand_device, hands=model.health)
        prime(model, embedder, clips, min(2, options["steps"] or 2))
        # Threads that wait for a request's turn get it sooner than at the usual 5 ms.
        sys.setswitchinterval(0.001)
        with Serving(model, clips, embedder, plan, tenants) as serving:
            # What is loaded stays; looking through it for garbage would hold up every request.
            gc.collect()
            gc.freeze()
            chorus = serving.bench.chorus
            # From here on nobody is refused: who comes before the loop runs waits for it.
            socket.listen(_BACKLOG)
            place = f"http://{host if ':' not in host else f'[{host}]'}:{socket.getsockname()[1]}"
            click.echo(
                f"serving {model.name} on {place} (policy {chorus.policy.name} "
                f"{chorus.policy.fingerprint}, {len(chorus)} entries found, "
                f"{serving.resumed} requests resumed)",
                err=True,
            )
            if tenants.is_open and host not in ("127.0.0.1", "::1", "localhost"):
                click.echo("warning: anybody who reaches this address is an operator", err=True)
            listen(serving.app, socket, serving.desk, serving.bench, drain_s)


def _model(options: dict[str, Any]) -> tuple[Any, Any]:
    """Return the model and what writes its clips."""
    from chorus_runtime.cli.device import device_named
    from chorus_runtime.cli.load_model import load_model
    from chorus_runtime.server.clips import Mp4Writer
    from chorus_runtime.server.engine_times import engine_times
    from chorus_traces.errors import EngineError

    name, engine, weights = options["model"], options["engine"], options["weights"]
    kind, _, times = engine.partition(":")
    if kind not in ("real", _FAKE, _PACED) or (kind == "real" and times):
        raise EngineError(f"engine is {engine!r}; real, paced:SECONDS or fake:SECONDS is needed")
    if (name == _FAKE) != (kind == _FAKE):
        raise EngineError(
            f"model {name} with engine {engine}; --model fake and --engine fake:SECONDS "
            "belong together"
        )
    if kind == _FAKE:
        if weights:
            raise EngineError("--weights is for the shapes model, not for fake; leave it out")
        from chorus_runtime.server.fake_model import FakeClips, FakeVideo

        seconds = engine_times(engine)
        far = _far(options, engine) if options["ray"] else None
        return far or FakeVideo(seconds), FakeClips(seconds)
    if options["ray"]:
        if kind == _PACED:
            raise EngineError(f"engine {engine} with --ray; workers elsewhere keep no pace")
        model = _far(options, "")
        return model, Mp4Writer(model.frames_per_s)
    loaded = load_model(name, Path(weights) if weights else None, device_named(options["device"]))
    clips = Mp4Writer(loaded.frames_per_s)
    if kind == _PACED:
        from chorus_runtime.server.paced import PacedClips, PacedVideo

        seconds = engine_times(engine)
        return PacedVideo(loaded.model, seconds), PacedClips(clips, seconds)
    return loaded.model, clips


def _far(options: dict[str, Any], fake: str) -> Any:
    """Return a model whose workers are Ray actors."""
    from chorus_runtime.server.far.start import far_model

    return far_model(
        options["ray"],
        options["workers"],
        name=options["model"],
        weights=options["weights"],
        fake=fake,
        device=options["device"],
        hang_after_s=options["hang_after"],
    )


def _capacity(text: str) -> str | dict[str, str]:
    """Return one size, or a size for each tier."""
    if "=" not in text:
        return text
    return {name: size for name, _, size in (part.partition("=") for part in text.split(","))}
