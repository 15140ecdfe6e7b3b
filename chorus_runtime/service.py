"""``Chorus``: a policy, the cache, the latent store, an engine and an embedder, as one.

A request passes through in this order: check and number it (``ask``); answer it with an identical
one's result (``find_copy``, ``copy``); else ``make`` it: encode its text while a thread embeds its
prompt; ask the cache (``guarded_cache``); carry the plan out (``carry_out``); decode; deliver;
offer the result to cache and store (``_offered``). ``generate`` does all of it; a server takes the
steps one by one. It runs in one process; any number of threads may call it.
The file is long because it is that path.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import torch

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import Shape
from chorus_policies.costs.work import work_of
from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import Call
from chorus_policies.marks import marks_of
from chorus_policies.namespace import Deployment, identity_of, namespace_of
from chorus_policies.parts import QualityWatcher
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_policies.policy import Policy, load_policy
from chorus_policies.reuse.learned import Learned
from chorus_runtime.alignment.compare import Comparer, DiffComparer
from chorus_runtime.asked import Asked, check_output_type, check_text, seed_of
from chorus_runtime.cache_state import CacheState
from chorus_runtime.capacity import tier_specs
from chorus_runtime.carry_out import Carried, Carrier
from chorus_runtime.clock import Clock, Stopwatch
from chorus_runtime.guarded_cache import GuardedCache
from chorus_runtime.keep import flying_of, kept_of
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.noise import Seeds
from chorus_runtime.observer import StepDone, nobody
from chorus_runtime.prompt_vector import MiniLm, PromptEmbedder
from chorus_runtime.provenance import computed, copied
from chorus_runtime.restore import restore
from chorus_runtime.result import Result, timed
from chorus_runtime.reuse_cost import ReuseCost
from chorus_runtime.run_log import RunLog
from chorus_runtime.scope import store_scope
from chorus_runtime.share import Sharing
from chorus_runtime.store.kept import LATENT_DTYPE, KeptFacts
from chorus_runtime.store.store import LatentStore
from chorus_runtime.store.tiers import lasting_tier
from chorus_traces.errors import EngineError
from chorus_traces.request import Request


def unseen(result: Result) -> None:
    """Deliver a result to nobody."""
    del result


def unplanned(plan: Plan) -> None:
    """Tell nobody what is about to be done."""
    del plan


class Chorus:
    """Serves requests on ``model``, reusing what earlier ones left.

    ``policy`` is a preset's name, the path of a TOML file, or a ``Policy``. ``cache`` is a size
    such as "64GiB", or one for each tier: ``{"host": "8GiB", "disk": "64GiB"}``. ``store`` is the
    folder of the disk tier, or a text: the address of the remote tier. Its entries are there again
    when it is opened next, those in memory are not. ``tenants`` "shared" lets customers reuse each
    other's work. ``keep_calls`` keeps journal and calls in memory, without bound; ``log`` is told
    them as they happen. Raises ``ChorusError`` for what does not fit together.
    """

    def __init__(
        self,
        model: VideoModel,
        *,
        policy: str | Policy = "adaptive",
        cache: str | Mapping[str, str] = "64GiB",
        store: Path | str | None = None,
        embedder: PromptEmbedder | None = None,
        comparer: Comparer | None = None,
        tenants: str = "separate",
        keep_calls: bool = False,
        log: RunLog | None = None,
    ) -> None:
        if tenants not in ("separate", "shared"):
            raise EngineError(f"tenants is {tenants!r}; 'separate' or 'shared' is needed")
        self.model = model
        self.policy = load_policy(policy) if isinstance(policy, str) else policy
        self._tenants = tenants
        self._embedder = embedder or MiniLm()
        self._clock = Clock()
        lasting = None if store is None else lasting_tier(store)
        self.tiers = tiers = tier_specs(cache, lasting=lasting)
        self.store = LatentStore(
            [tier.name for tier in tiers],
            folder=store,
            scope=store_scope(model, self._embedder),
            device=model.device,
        )
        self._cache = GuardedCache(
            lambda journal: Cache(
                self.policy, tiers, MatrixIndex(), journal, ghost_index=MatrixIndex()
            ),
            self.store,
            self._clock,
            keep_calls=keep_calls,
            log=log,
        )
        reuse = self.policy.reuse(0)
        self._span = reuse.span
        #: Whether the policy learns from judged results.
        self.learns = isinstance(reuse, QualityWatcher)
        self._carrier = Carrier(
            model,
            comparer or DiffComparer(),
            self._recorded,
            self._cache.read,
            renoised=self.policy.form.kind == "renoised",
        )
        self._step_s: dict[Shape, float] = {}
        self._reuse_cost = ReuseCost()
        self._embedding = ThreadPoolExecutor(1, thread_name_prefix="chorus-embed")
        self.first_key = restore(self.store, self._cache, self.policy.form, self._span)
        self._keys = count(self.first_key)

    @property
    def journal(self) -> Journal:
        """The journal: its rows are kept where ``keep_calls`` is on."""
        return self._cache.journal

    @property
    def embedder_name(self) -> str:
        """Name of what compares prompts."""
        return self._embedder.name

    @property
    def calls(self) -> list[Call]:
        """The calls into the cache, where ``keep_calls`` is on."""
        return self._cache.calls

    def __len__(self) -> int:
        """Return the number of resident entries."""
        return len(self._cache)

    def __enter__(self) -> "Chorus":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits to be written and let go of the folder. Closing twice is fine."""
        self._embedding.shutdown()
        self.store.close()

    def generate(
        self,
        request: Request,
        *,
        output_type: str = "np",
        observer: Callable[[StepDone], None] = nobody,
    ) -> Result:
        """Return the clip ``request`` asks for, and where it came from.

        The result of a run that fails is stored nowhere. Raises as ``ask`` and ``make`` do.
        """
        asked = self.ask(request, output_type=output_type, observer=observer)
        plan = self.find_copy(asked)
        found = None if plan is None else self.copy(asked, plan)
        return found or self.make(asked)

    def now(self) -> float:
        """Return the instant of the run, as calls into the cache are given it."""
        return self._clock.now()

    def step_s(self, shape: Shape) -> float | None:
        """Return the last measured seconds of a full step, ``None`` where none was measured."""
        return self._step_s.get(shape)

    def deployment(self) -> Deployment:
        """Return what is equal for all requests now."""
        return msgspec.structs.replace(self.model.deployment(), tenants=self._tenants)

    def latent_bytes(self, shape: Shape) -> int:
        """Return the bytes of one latent as it is kept."""
        return math.prod(self.model.latent_shape(shape)) * int(LATENT_DTYPE.itemsize)

    def state(self) -> CacheState:
        """Return what the cache holds now."""
        return self._cache.state()

    def prompts(self) -> set[str]:
        """Return the prompts of all entries."""
        return self._cache.prompts()

    def drop(self, matches: Callable[[KeptFacts], bool], reason: str) -> int:
        """Drop all entries that match, those in use as soon as they are not; return how many."""
        return self._cache.drop_all(matches, reason)

    def judged(self, key: int, acceptable: bool) -> bool:
        """Tell the policy whether the result of request ``key`` was good enough.

        ``key`` is the number ``ask`` gave it. Return ``False`` where there is nothing to learn: it
        was not made with reuse, was judged before, or is too old.
        """
        return self._cache.judged(key, acceptable)

    def learned(self) -> tuple[Learned, ...]:
        """Return what judgements taught the policy; give it to ``recall`` of a later one."""
        return self._cache.learned()

    def recall(self, learned: tuple[Learned, ...]) -> None:
        """Teach the policy what an earlier run learned, before the first request."""
        self._cache.recall(learned)

    def ask(
        self,
        request: Request,
        *,
        output_type: str = "np",
        observer: Callable[[StepDone], None] = nobody,
    ) -> Asked:
        """Check a request and number it; nothing is computed.

        ``observer`` is told after each computed step; raising in it ends the run. A request without
        a seed gets one, is never answered with a copy and never serves as one. Raises
        ``EngineError`` for a request that cannot be served, which gets no number.
        """
        check_output_type(output_type)
        check_text("prompt", request.prompt)
        check_text("negative prompt", request.negative_prompt or "")
        shape = self.model.shape_of(request)
        return Asked(
            request=request,
            shape=shape,
            seed=seed_of(request),
            query=self._query(request, shape),
            watch=Stopwatch(self._clock, self.model.device),
            output_type=output_type,
            observer=observer,
        )

    def find_copy(self, asked: Asked) -> Copy | None:
        """Return the plan to copy an identical request's result, if there is one, and pin it.

        Call ``copy`` with it: only that takes the pin away.
        """
        if asked.query.identity is None:
            return None
        with asked.watch.stage("lookup"):
            return self._cache.find_copy(asked.query)

    def copy(
        self, asked: Asked, plan: Copy, deliver: Callable[[Result], None] = unseen
    ) -> Result | None:
        """Return and deliver a stored result; ``None`` where it cannot be read: then ``make``."""
        try:
            with asked.watch.stage("load"):
                kept = self.store.get(plan.donor).on(self.model.device)
        except EngineError as error:
            self._fall_back(asked, plan, f"donor {plan.donor}: {error}")
            self._cache.drop(plan.donor, asked.fallback)
            return None
        finally:
            self._cache.release(plan.donor)
        latents = kept.finished.float()
        frames = self._decoded(asked, latents)
        made = copied(asked, plan, kept, self.policy)
        result = Result(frames=frames, latents=latents, provenance=made)
        deliver(result)
        return timed(result, asked)

    def make(
        self,
        asked: Asked,
        deliver: Callable[[Result], None] = unseen,
        planned: Callable[[Plan], None] = unplanned,
    ) -> Result:
        """Return the clip of a request, made with what the policy says to reuse.

        ``planned`` is told the plan of a run before it is carried out. ``deliver`` gets the result
        before it is offered to the cache: nobody waits for the store. What it takes counts where it
        times itself with the request's watch; raising in it fails the run. Raises ``EngineError``
        where full compute fails.
        """
        request, watch = asked.request, asked.watch
        vector = None
        if asked.query.namespace is not None:
            vector = self._embedding.submit(self._embedder.embed, request.prompt)
        with watch.stage("text_encode"):
            text = self.model.encode(request.prompt, request.negative_prompt, guided=asked.guided)
        if vector is not None:
            # Counts what text encoding did not hide.
            with watch.stage("embed"):
                asked.query = msgspec.structs.replace(asked.query, embedding=vector.result())
        with watch.stage("lookup"):
            plan = self._cache.lookup(asked.query)
        if isinstance(plan, Copy):
            # An identical request finished meanwhile.
            result = self.copy(asked, plan, deliver)
            if result is not None:
                return result
            plan = Fresh(reason=asked.fallback)
        planned(plan)
        try:
            done = self._carrier.run(asked, text, plan, self._sharing(asked))
            if done.fallback:
                self._fall_back(asked, plan, done.fallback)
            if done.spoilt and not isinstance(plan, Fresh):
                self._cache.drop(plan.donor, done.fallback)
            latents = done.generated.latents
            frames = self._decoded(asked, latents)
            made = computed(asked, plan, done, self.policy)
            result = Result(frames=frames, latents=latents, provenance=made)
            deliver(result)
        except BaseException:
            self._cache.abandon(asked.query)
            raise
        finally:
            if not isinstance(plan, Fresh):
                self._cache.release(plan.donor)
        try:
            stored, size_bytes = self._offered(asked, done)
        except BaseException:
            self._cache.abandon(asked.query)
            raise
        return timed(result, asked, stored=stored, store_bytes=size_bytes)

    def _sharing(self, asked: Asked) -> Sharing:
        """Return how the run of a request is shared while it is in flight."""

        def publish(
            plan: Plan, sigmas: tuple[float, ...], seed: Seeds, steps: dict[int, torch.Tensor]
        ) -> None:
            self._cache.publish(asked.query, plan, flying_of(asked, plan, sigmas, seed, steps))

        return Sharing(
            step_of=lambda plan: self._cache.publish_step(asked.query, plan), publish=publish
        )

    def _offered(self, asked: Asked, done: Carried) -> tuple[str, int]:
        """Offer a finished result; return its tier or why it has none, and the bytes kept."""
        watch = asked.watch
        cost_s = watch.total
        if isinstance(done.plan, Fresh):
            self._step_s[asked.shape] = watch.seconds["denoise"] / asked.shape.steps
        self._learn(asked, done)
        with watch.stage("store"):
            self.store.wait_for_room()
            kept = kept_of(asked, done, cost_s, steps=self.policy.form.kind == "window")
            stored = self._cache.store(asked.query, done.plan, cost_s, kept)
        if stored.tier is None or kept is None:
            return stored.reason, 0
        return stored.tier, kept.size_bytes

    def _query(self, request: Request, shape: Shape) -> Query:
        return Query(
            sequence=next(self._keys),
            namespace=namespace_of(request, shape, self.deployment()),
            identity=identity_of(request),
            steps=shape.steps,
            latent_bytes=self.latent_bytes(shape),
            # Clips are decoded again from the finished latent; none is kept.
            result_bytes=0,
            user=request.user,
            marks=marks_of(request.prompt),
            step_s=self._step_s.get(shape, 1.0),
            srd_full_every=self.model.engine.settings.refresh_every,
            overhead_s=self._reuse_cost.overhead_s,
            load_latent_s=self._reuse_cost.load_latent_s(shape),
        )

    def _learn(self, asked: Asked, done: Carried) -> None:
        """Learn from a finished request what reuse costs here."""
        seconds = asked.watch.seconds
        self._reuse_cost.looked_up(seconds["lookup"])
        work = work_of(done.plan, asked.shape.steps, asked.query.srd_full_every)
        self._reuse_cost.loaded(asked.shape, seconds.get("load", 0.0), work.latents_read)

    def _recorded(self, steps: int, computed_from: int) -> tuple[int, int]:
        return self.policy.form.recorded(self._span(steps), computed_from)

    def _decoded(self, asked: Asked, latents: Any) -> Any:
        if asked.output_type == "latent":
            return None
        with asked.watch.stage("vae_decode"):
            return self.model.decode(latents, asked.output_type)

    def _fall_back(self, asked: Asked, plan: Plan, reason: str) -> None:
        asked.fallback = reason
        self._cache.fell_back(asked.query, plan, reason)
