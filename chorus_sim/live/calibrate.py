"""A profile from what live runs measured.

Stage times are means over the requests that had the stage, with their spread. A denoising step is
what fresh runs took for each of theirs, TGAA what the amplified steps of resumed runs took beyond
that; an SRD step is what is left of regional runs after both, by the active share the policy
*planned*: that is what a simulation knows. What the runs say nothing about stays from an earlier
profile, and is named. Several runs also tell how the machine drifts from one to the next.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from chorus_policies.costs.profile import MOST_CV, Profile, SrdPoint, StageTime, TierRate
from chorus_policies.live.record import STAGES, Record
from chorus_sim.live.denoised import (
    LEAST_SAMPLES,
    Made,
    computed,
    spread_of,
    srd_curve,
    srd_spread_of,
    tgaa_share_of,
)
from chorus_sim.live.facts import LiveFacts
from chorus_sim.live.run import LiveRun
from chorus_sim.live.speed import drift_of
from chorus_traces.errors import ProfileError

#: Active shares of the curve assumed where no profile is given.
_SHARES = (0.05, 0.5, 1.0)


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """A measured profile, what in it was measured with how many samples, and what stayed."""

    profile: Profile
    samples: dict[str, int]
    kept: tuple[str, ...]


def calibrate(runs: Sequence[LiveRun], before: Profile, *, skip: int = 0) -> Calibrated:
    """Return ``before`` with everything the runs measured in its place.

    Left out are requests sent to warm a server up, the first ``skip`` of each run, and what else
    the server served than the replay of the run. Raises ``ProfileError`` naming a stage with too
    few samples, or runs of unlike servers.
    """
    first = runs[0]
    for other in runs[1:]:
        _check_alike(first, other)
    made_of = [computed(one, before, _left_out(one, skip)) for one in runs]
    made = [one for each in made_of for one in each]
    samples: dict[str, int] = {}
    kept: list[str] = []

    def stage(name: str, seconds: Sequence[float]) -> StageTime:
        samples[name] = len(seconds)
        if len(seconds) < LEAST_SAMPLES:
            raise ProfileError(
                f"{first.folder}: {name} was measured {len(seconds)} times; at least "
                f"{LEAST_SAMPLES} are needed (replay more requests)"
            )
        return _stage(seconds)

    fresh = [one for one in made if one.record.kind == "fresh"]
    full = stage("full_step", [one.record.denoise_s / one.work.full_steps for one in fresh])
    tgaa_share = tgaa_share_of(made, before, full.mean_s, samples, kept)
    tgaa_s = tgaa_share * full.mean_s
    curve = srd_curve(made, before, full.mean_s, tgaa_s, samples, kept)
    rates = _rates(first.facts.tiers[0].name, made, before, samples, kept)
    policies = ", ".join(sorted({run.policy.name for run in runs}))
    of_runs = "" if len(runs) == 1 else f" of {len(runs)} runs"
    profile = msgspec.structs.replace(
        before,
        name=f"{before.name}-calibrated",
        source="measured",
        device=first.facts.device,
        versions=dict(first.facts.versions),
        date=max(run.facts.started for run in runs)[:10],
        text_encode=stage("text_encode", [one.record.text_encode_s for one in made]),
        embed=stage("embed", [one.record.embed_s for one in made if one.embedded]),
        lookup=stage("lookup", [one.record.lookup_s for one in made]),
        full_step=msgspec.structs.replace(full, cv=spread_of(made, full.mean_s, tgaa_s)),
        srd_step=curve,
        vae_decode=stage("vae_decode", [one.record.vae_decode_s for one in made]),
        video_encode=stage("video_encode", [one.record.video_encode_s for one in made]),
        server=stage("server", [outside(one.record) for one in made]),
        tiers=rates,
        note="; ".join(
            (
                f"calibrated from {len(made)} live requests{of_runs} under policy {policies}",
                "SRD points stand at planned shares",
                *(f"not measured: {name}" for name in kept),
            )
        ),
        tgaa_share=tgaa_share,
    )
    srd_cv, srd_samples = srd_spread_of(made, profile, tgaa_s)
    profile = msgspec.structs.replace(
        profile,
        srd_cv=srd_cv,
        srd_samples=srd_samples,
        drift_cv=drift_of(made_of, profile),
        drift_runs=len(runs),
    )
    return Calibrated(profile=profile, samples=samples, kept=tuple(kept))


def blank(facts: LiveFacts) -> Profile:
    """Return a profile of the server's own shape in which nothing was measured.

    An SRD step is assumed to cost its active share of a full one, every tier to move 1 GB/s.
    """
    nothing, shape = StageTime(mean_s=0.0), facts.defaults
    return Profile(
        name=f"{facts.model}-{facts.device}",
        model=facts.model,
        device=facts.device,
        source="assumed",
        height=shape.height,
        width=shape.width,
        frames=shape.frames,
        steps=shape.steps,
        guidance=shape.guidance,
        text_encode=nothing,
        embed=nothing,
        lookup=nothing,
        full_step=StageTime(mean_s=1.0),
        srd_step=tuple(SrdPoint(active_share=one, mean_s=one) for one in _SHARES),
        srd_full_every=facts.srd_full_every,
        tgaa_share=0.0,
        vae_decode=nothing,
        video_encode=nothing,
        tiers={
            tier.name: TierRate(load_bytes_per_s=1e9, store_bytes_per_s=1e9) for tier in facts.tiers
        },
        latent_bytes=facts.latent_bytes,
        result_bytes=1,
    )


def outside(record: Record) -> float:
    """Return the seconds before its answer that a request held its worker outside of all stages.

    Being picked up by its worker is among them.
    """
    stages = sum(float(getattr(record, f"{stage}_s")) for stage in STAGES if stage != "store")
    return max(0.0, record.finish_s - record.start_s - stages)


def after_answer(record: Record) -> float:
    """Return the seconds a worker is held after the answer: what storing costs the next request."""
    return record.held_s - (record.finish_s - record.start_s)


def _left_out(run: LiveRun, skip: int) -> frozenset[str]:
    others = run.others
    mine = [one.id for one in run.served if one.id not in others]
    return run.warm_up | others | frozenset(mine[:skip])


def _check_alike(one: LiveRun, other: LiveRun) -> None:
    for name in ("model", "device", "embedder", "defaults", "versions", "tiers"):
        first, second = getattr(one.facts, name), getattr(other.facts, name)
        if first != second:
            raise ProfileError(
                f"{other.folder}: its {name} are not those of {one.folder}; runs of servers alike "
                "are needed"
            )


def _rates(
    first: str, made: list[Made], before: Profile, samples: dict[str, int], kept: list[str]
) -> dict[str, TierRate]:
    """Return the tiers' rates: of tier ``first`` what loads and stores took."""
    rates = dict(before.tiers)
    loads = [one.record for one in made if one.record.load_bytes]
    stores = [one.record for one in made if one.record.store_bytes]
    samples["load"], samples["store"] = len(loads), len(stores)
    kept.extend(f"tier {name}" for name in rates if name != first)
    if len(loads) < LEAST_SAMPLES or len(stores) < LEAST_SAMPLES:
        kept.append(f"tier {first} ({len(loads)} loads, {len(stores)} stores)")
        return rates
    load_s = float(np.mean([one.load_s for one in loads]))
    load_bytes = float(np.mean([one.load_bytes for one in loads]))
    store_s = float(np.mean([after_answer(one) for one in stores]))
    store_bytes = float(np.mean([one.store_bytes for one in stores]))
    # One mean each: a latency that loads share with stores, the rest by bytes.
    latency_s = min(load_s, store_s) / 2
    rates[first] = TierRate(
        load_bytes_per_s=load_bytes / max(load_s - latency_s, 1e-9),
        store_bytes_per_s=store_bytes / max(store_s - latency_s, 1e-9),
        latency_s=latency_s,
        source="measured",
    )
    return rates


def _stage(seconds: Sequence[float]) -> StageTime:
    mean = float(np.mean(seconds))
    spread = float(np.std(seconds, ddof=1)) / mean if mean > 0 else 0.0
    return StageTime(mean_s=mean, cv=min(spread, MOST_CV), samples=len(seconds), source="measured")
