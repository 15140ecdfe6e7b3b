"""A whole server from what its operator states, and its end."""

import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from chorus_policies.entry import Query
from chorus_policies.policy import load_policy
from chorus_runtime.capacity import tier_specs
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.server.app import make_app
from chorus_runtime.server.clips import ClipWriter
from chorus_runtime.server.describe import live_facts, write_policy
from chorus_runtime.server.desk import Desk, DeskRule
from chorus_runtime.server.experience import Experience
from chorus_runtime.server.far.health import HandsHealth
from chorus_runtime.server.folder_lock import held
from chorus_runtime.server.patience import HANG_AFTER_S
from chorus_runtime.server.run_folder import RunFolder
from chorus_runtime.server.tally import Tally
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.unfinished import unfinished
from chorus_runtime.server.videos import VideoFolder, VideoLimits
from chorus_runtime.server.workers import Bench
from chorus_runtime.service import Chorus
from chorus_runtime.store.kept import LATENT_DTYPE
from chorus_runtime.store.tiers import lasting_tier
from chorus_traces.errors import EngineError
from chorus_traces.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """What an operator states; ``capacity`` as ``Chorus`` takes it.

    ``device`` names that of workers elsewhere, ``hands`` tells how they are. ``durable``
    acknowledges nothing that a loss of power would lose. ``hang_after_s`` is the least silence
    that tells a worker that hangs.
    """

    policy: str = "adaptive"
    capacity: str | dict[str, str] = "2GiB"
    store: Path | str | None = None
    log: Path | None = None
    workers: int = 1
    rule: DeskRule = field(default_factory=DeskRule)
    limits: VideoLimits = field(default_factory=VideoLimits)
    share_tenants: bool = False
    durable: bool = False
    device: str = ""
    hands: Callable[[], HandsHealth] | None = None
    hang_after_s: float = HANG_AFTER_S


class Serving:
    """A server that is ready to be listened for. Use it in a ``with`` statement.

    Raises ``ChorusError`` for what does not fit together; nothing is left open then.
    """

    def __init__(
        self,
        model: VideoModel,
        clips: ClipWriter,
        embedder: PromptEmbedder,
        plan: ServerPlan,
        tenants: Tenants,
    ) -> None:
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._open(stack, model, clips, embedder, plan, tenants)
            self._stack = stack.pop_all()

    def __enter__(self) -> "Serving":
        self.desk.workers.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.desk.workers.close()
        self._stack.close()

    def _open(
        self,
        stack: ExitStack,
        model: VideoModel,
        clips: ClipWriter,
        embedder: PromptEmbedder,
        plan: ServerPlan,
        tenants: Tenants,
    ) -> None:
        policy = load_policy(plan.policy)
        if plan.log is not None:
            stack.enter_context(held(plan.log))
        before = [] if plan.log is None else unfinished(plan.log)
        log = None if plan.log is None else RunFolder(plan.log, durable=plan.durable)
        if log is not None:
            stack.callback(log.discard_empty)
            write_policy(policy, log.path)
        chorus = stack.enter_context(
            Chorus(
                model,
                policy=policy,
                cache=plan.capacity,
                store=plan.store,
                embedder=embedder,
                tenants="shared" if plan.share_tenants else "separate",
                log=log,
            )
        )
        home = plan.log or plan.store
        if home is None or isinstance(home, str):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-videos-")))
        videos = VideoFolder(home / "videos", plan.limits)
        self.bench = Bench(
            chorus=chorus,
            clips=clips,
            videos=videos,
            log=log,
            tally=Tally(),
            hands=plan.hands,
            hang_after_s=plan.hang_after_s,
        )
        preloaded = len(chorus)
        self.desk = Desk(self.bench, plan.workers, plan.rule)
        if plan.log is not None:
            self.desk.experience = Experience(chorus, plan.log)
        self.desk.remember(videos.found())
        if log is not None:
            facts = live_facts(
                self.desk, self.bench, tenants, preloaded=preloaded, device=plan.device
            )
            log.describe(facts)
        self.resumed = self.desk.resume(before)
        self.app: FastAPI = make_app(self.desk, self.bench, tenants)


def check_room(model: VideoModel, plan: ServerPlan) -> None:
    """Raise ``EngineError`` where the first tier cannot hold one entry: nothing would be kept."""
    lasting = None if plan.store is None else lasting_tier(plan.store)
    first, policy = tier_specs(plan.capacity, lasting=lasting)[0], load_policy(plan.policy)
    request = Request(id="default", arrival_s=0.0, prompt="", steps=plan.rule.steps)
    shape = model.shape_of(request)
    query = Query(
        sequence=0,
        namespace=None,
        identity=None,
        steps=shape.steps,
        latent_bytes=math.prod(model.latent_shape(shape)) * LATENT_DTYPE.itemsize,
        result_bytes=0,
    )
    form = policy.form
    needed = form.size_bytes(form.window(policy.reuse(0).span(shape.steps), 0), query)
    if first.capacity_bytes < needed:
        raise EngineError(
            f"capacity of {first.name} is {first.capacity_bytes:,} B, smaller than one entry "
            f"({needed:,} B of {shape.width}x{shape.height}, {shape.frames} frames, in form "
            f"{form.kind!r}); give at least {-(-needed // 2**20)}MiB"
        )


def prime(model: VideoModel, embedder: PromptEmbedder, clips: ClipWriter, steps: int) -> None:
    """Make one clip with a cache of its own, so that the first client does not wait for loading."""
    request = Request(id="prime", arrival_s=0.0, prompt="a red circle moving left", steps=steps)
    with (
        tempfile.TemporaryDirectory() as folder,
        Chorus(model, policy="lru", cache="1GiB", embedder=embedder) as chorus,
    ):
        result = chorus.generate(request)
        clips.write(Path(folder) / "prime.mp4", result.frames[0])
