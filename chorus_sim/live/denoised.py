"""What live runs took to denoise, told apart: full steps, SRD steps, and what TGAA adds."""

import msgspec
import numpy as np

from chorus_policies.costs.profile import MOST_CV, Profile, SrdPoint
from chorus_policies.costs.work import Work, amplified_steps, work_of
from chorus_policies.live.record import Record
from chorus_policies.plan import Plan, Regional, Resume
from chorus_sim.live.run import LiveRun

#: Fewer samples say too little about a mean: at a spread of 10 % its error is then 3.5 %.
LEAST_SAMPLES = 8


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A finished request, whether its prompt was embedded, and what its plan left to compute."""

    record: Record
    embedded: bool
    plan: Plan
    work: Work
    amplified: int

    def left_s(self, full_s: float, tgaa_s: float) -> float:
        """Return the seconds of denoising beyond full steps and what TGAA adds."""
        return self.record.denoise_s - self.work.full_steps * full_s - self.amplified * tgaa_s


def computed(run: LiveRun, before: Profile, discard: frozenset[str]) -> list[Made]:
    """Return the requests that were computed as planned."""
    plans = {
        call.query.sequence: call.plan
        for call in run.calls
        if call.name == "store" and call.query is not None and call.plan is not None
    }
    made = []
    for name, record in run.records.items():
        plan = plans.get(run.key_of[name])
        if plan is None or name in discard or record.kind == "copy":
            continue
        work = work_of(plan, record.steps, before.srd_full_every)
        amplified = amplified_steps(plan, record.steps)
        made.append(
            Made(
                record=record,
                embedded=run.query_of[run.key_of[name]].embedding is not None,
                plan=plan,
                work=work,
                amplified=amplified,
            )
        )
    return made


def tgaa_share_of(
    made: list[Made], before: Profile, full_s: float, samples: dict[str, int], kept: list[str]
) -> float:
    """Return what TGAA adds to a step, as a share of a full one."""
    resumed = [one for one in made if isinstance(one.plan, Resume) and one.amplified]
    samples["tgaa"] = len(resumed)
    if len(resumed) < LEAST_SAMPLES:
        kept.append(f"tgaa ({len(resumed)} samples)")
        return before.tgaa_share
    added_s = sum(one.left_s(full_s, 0.0) for one in resumed)
    return max(0.0, added_s / (full_s * sum(one.amplified for one in resumed)))


def srd_curve(
    made: list[Made],
    before: Profile,
    full_s: float,
    tgaa_s: float,
    samples: dict[str, int],
    kept: list[str],
) -> tuple[SrdPoint, ...]:
    """Return the SRD curve."""
    by_share: dict[float, list[float]] = {}
    for one in made:
        if isinstance(one.plan, Regional) and one.work.srd_steps:
            rest_s = one.left_s(full_s, tgaa_s)
            by_share.setdefault(one.plan.active_share, []).append(rest_s / one.work.srd_steps)
    points = {}
    for share, seconds in sorted(by_share.items()):
        samples[f"srd_step at {share:g}"] = len(seconds)
        if len(seconds) >= LEAST_SAMPLES:
            points[share] = max(0.0, float(np.mean(seconds)))
            if not points[share]:
                kept.append(f"srd_step at {share:g} (what is left of it is below 0, taken as 0)")
        else:
            kept.append(f"srd_step at {share:g} ({len(seconds)} samples)")
    factor = full_s / before.full_step.mean_s if before.full_step.mean_s else 1.0
    if not points:
        kept.append("srd_step, scaled by the full step")
    # Between and beyond what was planned, the earlier curve at this machine's speed.
    for point in before.srd_step:
        if not any(abs(point.active_share - share) < 0.05 for share in points):
            points[point.active_share] = point.mean_s * factor
    return tuple(SrdPoint(active_share=share, mean_s=points[share]) for share in sorted(points))


def spread_of(made: list[Made], full_s: float, tgaa_s: float) -> float:
    """Return how the denoising of runs without SRD varies about what their plans predict."""
    ratios = [
        one.record.denoise_s / (one.work.full_steps * full_s + one.amplified * tgaa_s)
        for one in made
        if not one.work.srd_steps
    ]
    return min(float(np.std(ratios, ddof=1)), MOST_CV)


def srd_spread_of(made: list[Made], known: Profile, tgaa_s: float) -> tuple[float, int]:
    """Return how SRD steps vary about the curve of ``known``, and in how many runs.

    That is the size of regions, and what else is left of those runs.
    """
    full_s = known.full_step.mean_s
    ratios = [
        one.left_s(full_s, tgaa_s) / (one.work.srd_steps * known.srd_step_s(one.work.active_share))
        for one in made
        if one.work.srd_steps and known.srd_step_s(one.work.active_share)
    ]
    if len(ratios) < LEAST_SAMPLES:
        return 0.0, len(ratios)
    return min(float(np.std(ratios, ddof=1)), MOST_CV), len(ratios)
