"""``Chorus``: a policy, the cache, the latent store, an engine and an embedder, as one.

A request passes through in this order: answer it with an identical one's result (``_copied``);
else encode its text while a thread embeds its prompt; ask the cache (``guarded_cache``); carry
the plan out (``carry_out``); decode; offer the result to cache and store (``_offered``). It runs
in one process; ``generate`` may be called from any number of threads.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.costs.profile_book import Shape
from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import Call
from chorus_policies.marks import marks_of
from chorus_policies.namespace import identity_of, namespace_of
from chorus_policies.plan import Copy, Fresh, Plan
from chorus_policies.policy import Policy, load_policy
from chorus_runtime.alignment.compare import Comparer, DiffComparer
from chorus_runtime.asked import Asked, check_output_type, check_text, seed_of
from chorus_runtime.capacity import tier_specs
from chorus_runtime.carry_out import Carried, Carrier
from chorus_runtime.clock import Clock, Stopwatch
from chorus_runtime.guarded_cache import GuardedCache
from chorus_runtime.keep import kept_of
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.observer import StepDone, nobody
from chorus_runtime.prompt_vector import MiniLm, PromptEmbedder
from chorus_runtime.provenance import computed, copied
from chorus_runtime.result import Result
from chorus_runtime.run_log import RunLog
from chorus_runtime.scope import store_scope
from chorus_runtime.store.kept import LATENT_DTYPE, query_of
from chorus_runtime.store.store import LatentStore
from chorus_traces.errors import EngineError
from chorus_traces.request import Request


class Chorus:
    """Serves requests on ``model``, reusing what earlier ones left.

    ``policy`` is a preset's name, the path of a TOML file, or a ``Policy``. ``cache`` is a size
    such as "64GiB", or one for each tier: ``{"host": "8GiB", "disk": "64GiB"}``. ``store`` is the
    folder of the disk tier; its entries are there again when it is opened next, those in memory
    are not. ``tenants`` "shared" lets customers reuse each other's work. ``keep_calls`` keeps
    journal and calls in memory, without bound; ``log`` is told them as they happen. Raises
    ``ChorusError`` for what does not fit together.
    """

    def __init__(
        self,
        model: VideoModel,
        *,
        policy: str | Policy = "adaptive",
        cache: str | Mapping[str, str] = "64GiB",
        store: Path | None = None,
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
        tiers = tier_specs(cache, on_disk=store is not None)
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
        self._span = self.policy.reuse(0).span
        self._carrier = Carrier(model, comparer or DiffComparer(), self._window, self.store.get)
        self._step_s: dict[Shape, float] = {}
        self._embedding = ThreadPoolExecutor(1, thread_name_prefix="chorus-embed")
        last = -1
        for row in self.store.found:
            facts, last = row.facts, row.key
            self._cache.preload(query_of(last, facts, row.embedding), facts.plan, facts.cost_s)
        self._keys = count(last + 1)

    @property
    def journal(self) -> Journal:
        """The journal: its rows are kept where ``keep_calls`` is on."""
        return self._cache.journal

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

        ``observer`` is told after each computed step; raising in it ends the run. The result of a
        run that fails is stored nowhere. A request without a seed gets one, is never answered with
        a copy and never serves as one. Raises ``EngineError`` for a request that cannot be served.
        """
        check_output_type(output_type)
        check_text("prompt", request.prompt)
        check_text("negative prompt", request.negative_prompt or "")
        shape = self.model.shape_of(request)
        asked = Asked(
            request=request,
            shape=shape,
            seed=seed_of(request),
            query=self._query(request, shape),
            watch=Stopwatch(self._clock, self.model.device),
            output_type=output_type,
            observer=observer,
        )
        return self._copied(asked) or self._made(asked)

    def _copied(self, asked: Asked) -> Result | None:
        """Return the stored result of an identical request, if there is one that can be read."""
        if asked.query.identity is None:
            return None
        with asked.watch.stage("lookup"):
            plan = self._cache.find_copy(asked.query)
        return None if plan is None else self._answered(asked, plan)

    def _answered(self, asked: Asked, plan: Copy) -> Result | None:
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
        return Result(frames=frames, latents=latents, provenance=made)

    def _made(self, asked: Asked) -> Result:
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
            result = self._answered(asked, plan)
            if result is not None:
                return result
            plan = Fresh(reason=asked.fallback)
        try:
            done = self._carrier.run(asked, text, plan)
            if done.fallback:
                self._fall_back(asked, plan, done.fallback)
            if done.spoilt and not isinstance(plan, Fresh):
                self._cache.drop(plan.donor, done.fallback)
        finally:
            if not isinstance(plan, Fresh):
                self._cache.release(plan.donor)
        latents = done.generated.latents
        frames = self._decoded(asked, latents)
        stored = self._offered(asked, done)
        made = computed(asked, plan, done, stored, self.policy)
        return Result(frames=frames, latents=latents, provenance=made)

    def _offered(self, asked: Asked, done: Carried) -> str:
        """Offer a finished result to cache and store; return its tier or why it has none."""
        watch = asked.watch
        cost_s = watch.total
        if isinstance(done.plan, Fresh):
            self._step_s[asked.shape] = watch.seconds["denoise"] / asked.shape.steps
        with watch.stage("store"):
            self.store.wait_for_room()
            kept = kept_of(asked, done, cost_s)
            stored = self._cache.store(asked.query, done.plan, cost_s, kept)
        return stored.tier or stored.reason

    def _query(self, request: Request, shape: Shape) -> Query:
        deployment = msgspec.structs.replace(self.model.deployment(), tenants=self._tenants)
        return Query(
            sequence=next(self._keys),
            namespace=namespace_of(request, shape, deployment),
            identity=identity_of(request),
            steps=shape.steps,
            latent_bytes=math.prod(self.model.latent_shape(shape)) * LATENT_DTYPE.itemsize,
            # Clips are decoded again from the finished latent; none is kept.
            result_bytes=0,
            marks=marks_of(request.prompt),
            step_s=self._step_s.get(shape, 1.0),
            srd_full_every=self.model.engine.settings.refresh_every,
        )

    def _window(self, steps: int, computed_from: int) -> tuple[int, int]:
        return self.policy.form.window(self._span(steps), computed_from)

    def _decoded(self, asked: Asked, latents: Any) -> Any:
        if asked.output_type == "latent":
            return None
        with asked.watch.stage("vae_decode"):
            return self.model.decode(latents, asked.output_type)

    def _fall_back(self, asked: Asked, plan: Plan, reason: str) -> None:
        asked.fallback = reason
        self._cache.fell_back(asked.query, plan, reason)
