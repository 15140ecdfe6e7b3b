"""The headlines: how much faster a similar request is served, end to end, and how good its clip is.

Every pair of prompts is served by the whole service: the old prompt is computed and stored, then
the new one reuses it by a policy that allows one plan. Beside it the new prompt is computed without
a cache. Text encoding, embedding, lookup, load, denoising, decoding and storing all count.
"""

import statistics
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from chorus_policies.policy import Policy, parse_policy
from chorus_runtime.clock import cpu_time
from chorus_runtime.masks.region import MaskSettings
from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.quality.pairs import Pair
from chorus_runtime.quality.table import share_of
from chorus_runtime.result import Result
from chorus_runtime.service import Chorus
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes.compare import compare
from chorus_runtime.shapes.read_video import read_video
from chorus_runtime.shapes.scene import Scene
from chorus_runtime.step_skip import SkipSettings
from chorus_traces.request import Request

#: Stages that a service without a cache does not have.
_CACHE_STAGES = ("embed", "lookup", "load", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to serve: ``k1 == k2`` is full reuse alone, ``k1 == 0`` needs no cache.

    ``active_share`` bounds the region where ``threshold`` is ``share``. ``skip`` is the threshold
    of the step skip inside a request, 0 is off. ``target`` is the published ratio it is held
    against, 0 for none.
    """

    name: str
    k1: int
    k2: int
    active_share: float = 0.25
    amplification: float = 8.0
    threshold: Literal["share", "otsu"] = "otsu"
    refresh_every: int = 4
    skip: float = 0.0
    target: float = 0.0

    def engine_settings(self, base: EngineSettings) -> EngineSettings:
        """Return the engine's settings for this way to serve."""
        mask = MaskSettings(threshold=self.threshold)
        skip = SkipSettings(threshold=self.skip)
        return replace(base, mask=mask, skip=skip, refresh_every=self.refresh_every)

    def policy(self, steps: int) -> Policy:
        """Return a policy that answers every donor with this plan."""
        regional = "amplification = 1.0\n"
        if self.k2 > self.k1:
            regional = (
                f"k2 = {self.k2 / steps}\nactive_share = {self.active_share}\n"
                f"amplification = {self.amplification}\n"
            )
        text = (
            'base = "lru"\n[reuse]\nkind = "bands"\n[[reuse.bands]]\nsimilarity = 0.05\n'
            f"k1 = {self.k1 / steps}\n{regional}"
        )
        return parse_policy(text, where=self.name, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request served: CPU or wall seconds by stage, and whether its clip shows all of it."""

    seconds: dict[str, float]
    kind: str
    right: bool | None
    flop_share: float
    active_share: float


def serve_pair(
    setting: Setting,
    steps: int,
    model: VideoModel,
    embedder: PromptEmbedder,
    pair: Pair,
    *,
    judged: bool,
) -> tuple[Served, Served]:
    """Return how the pair's old prompt (a miss) and its new one were served.

    Effects: sets ``model.engine.settings``, and puts them back.
    """
    before = model.engine.settings
    model.engine.settings = setting.engine_settings(before)
    try:
        with Chorus(model, policy=setting.policy(steps), cache="1GiB", embedder=embedder) as chorus:
            first = chorus.generate(_request(pair.old, pair.seed, steps), output_type="np")
            second = chorus.generate(_request(pair.new, pair.seed + 500_000, steps))
    finally:
        model.engine.settings = before
    scenes = (pair.before, pair.scene) if judged else (None, None)
    return _served(first, scenes[0]), _served(second, scenes[1])


def headline(
    settings: Sequence[Setting],
    steps: int,
    model: VideoModel,
    embedder: PromptEmbedder,
    pairs: Sequence[Pair],
    *,
    judged: bool = True,
) -> list[dict[str, Any]]:
    """Return a row for each setting.

    Times are CPU seconds on a CPU, wall seconds on a GPU. What is compared with is the same prompt
    computed in full, without a cache and without a step skip; runs of one pair follow each other,
    so that what disturbs one disturbs all. Clips of a model without a checker are not ``judged``.
    """
    plain = Setting(name="full compute", k1=0, k2=0)
    found: dict[str, list[tuple[Served, Served]]] = {one.name: [] for one in (plain, *settings)}
    for pair in pairs:
        for setting in (plain, *settings):
            found[setting.name].append(_timed(setting, steps, model, embedder, pair, judged=judged))
    uncached = [_without_cache(new) for _, new in found[plain.name]]
    rows = [_row(plain, steps, found[plain.name], uncached, pairs)]
    return rows + [_row(one, steps, found[one.name], uncached, pairs) for one in settings]


def _timed(
    setting: Setting,
    steps: int,
    model: VideoModel,
    embedder: PromptEmbedder,
    pair: Pair,
    *,
    judged: bool,
) -> tuple[Served, Served]:
    with cpu_time() if model.device.type == "cpu" else nullcontext():
        return serve_pair(setting, steps, model, embedder, pair, judged=judged)


def _row(
    setting: Setting,
    steps: int,
    served: list[tuple[Served, Served]],
    uncached: list[float],
    pairs: Sequence[Pair],
) -> dict[str, Any]:
    news = [new for _, new in served]
    totals = [sum(new.seconds.values()) for new in news]
    if setting.k1 == 0:
        totals = [_without_cache(new) for new in news]
    ratios = [before / now for before, now in zip(uncached, totals, strict=True)]
    return {
        "setting": setting.name,
        "k1": setting.k1,
        "k2": setting.k2,
        "steps": steps,
        "skip_threshold": setting.skip,
        "target": setting.target,
        "plans": sorted({new.kind for new in news}),
        "full_s": statistics.median(uncached),
        "served_s": statistics.median(totals),
        "ratio_of_medians": statistics.median(uncached) / statistics.median(totals),
        "ratio_quartiles": statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios,
        "flop_share": statistics.median(new.flop_share for new in news),
        "active_share": statistics.median(new.active_share for new in news),
        "acceptable": _acceptable(news, pairs),
        "stages_of_a_miss_s": _medians([old for old, _ in served]),
        "stages_of_a_hit_s": _medians(news),
    }


def _acceptable(news: list[Served], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the share of right clips over all pairs, over edits, and by kind; none if unjudged."""
    verdicts: dict[str, list[bool]] = {}
    for new, pair in zip(news, pairs, strict=True):
        if new.right is not None:
            for kind in {"all", "wording" if pair.kind == "wording" else "edits", pair.kind}:
                verdicts.setdefault(kind, []).append(new.right)
    return {kind: share_of(right) for kind, right in sorted(verdicts.items())}


def _medians(served: list[Served]) -> dict[str, float]:
    stages = sorted({stage for one in served for stage in one.seconds})
    return {
        stage: statistics.median(one.seconds.get(stage, 0.0) for one in served) for stage in stages
    }


def _without_cache(served: Served) -> float:
    return sum(s for stage, s in served.seconds.items() if stage not in _CACHE_STAGES)


def _request(prompt: str, seed: int, steps: int) -> Request:
    return Request(id=f"{seed}", arrival_s=0.0, prompt=prompt, seed=seed, steps=steps)


def _served(result: Result, scene: Scene | None) -> Served:
    made, right = result.provenance, None
    if scene is not None:
        right = compare(scene, read_video(torch.from_numpy(result.frames[0])))["all"]
    return Served(
        seconds=dict(made.seconds),
        kind=made.kind,
        right=right,
        flop_share=0.0 if made.facts is None else made.facts.flop_share,
        active_share=made.active_share,
    )
