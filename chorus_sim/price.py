"""What a plan costs on a profile, before the random spread: worked out once per kind of plan."""

import msgspec

from chorus_policies.cache import Cache
from chorus_policies.costs.profile import Profile
from chorus_policies.costs.work import amplified_steps, work_of
from chorus_policies.entry import Query
from chorus_policies.plan import Copy, Fresh, Plan, Regional, reused_steps
from chorus_sim.workload import Workload


class Price(msgspec.Struct, frozen=True, gc=False):
    """Mean seconds of denoising and storing, and bytes moved, of all plans alike in steps.

    ``srd_share`` is the part of denoising that are SRD steps.
    """

    denoise_s: float
    srd_share: float
    full_step_s: float
    store_s: float
    load_bytes: int
    store_bytes: int
    load_s_by_tier: dict[str, float]

    def denoising_s(self, spread: float, region: float) -> float:
        """Return the seconds of denoising with a request's own factors."""
        return self.denoise_s * spread * (1.0 + self.srd_share * (region - 1.0))

    def load_s(self, cache: Cache | None, plan: Plan) -> float:
        """Return the seconds of reading what the plan takes from its donor."""
        if cache is None or isinstance(plan, Fresh):
            return 0.0
        return self.load_s_by_tier[cache.tier_name(plan.donor)]


class PriceList:
    """Prices by profile, step count and what the plan skips."""

    def __init__(self, workload: Workload, cache: Cache | None) -> None:
        self._cache = cache
        self._queries = workload.queries
        self._profiles = workload.profiles
        self._profile_of: list[int] = workload.profile_of.tolist()
        self._known: dict[tuple[object, ...], Price] = {}

    def of(self, plan: Plan, place: int) -> Price:
        """Return the price of ``plan`` for request ``place``."""
        query = self._queries[place]
        share, renoised = 0.0, False
        if type(plan) is Regional:
            share, renoised = plan.active_share, plan.renoised
        unknown = query.namespace is None
        k1, k2 = reused_steps(plan)
        number = self._profile_of[place]
        amplified = amplified_steps(plan, query.steps)
        key = (number, query.steps, type(plan), k1, k2, share, renoised, amplified, unknown)
        price = self._known.get(key)
        if price is None:
            price = self._known[key] = self._price(plan, query, self._profiles[number])
        return price

    def _price(self, plan: Plan, query: Query, profile: Profile) -> Price:
        if isinstance(plan, Copy):
            load_bytes = query.result_bytes
        else:
            work = work_of(plan, query.steps, profile.srd_full_every)
            load_bytes = work.latents_read * query.latent_bytes
        loads = {
            name: rate.latency_s + load_bytes / rate.load_bytes_per_s
            for name, rate in profile.tiers.items()
        }
        store_bytes, store_s = self._store(plan, query, profile)
        denoise_s = denoising_s(plan, query.steps, profile)
        return Price(
            denoise_s=denoise_s,
            srd_share=srd_steps_s(plan, query.steps, profile) / denoise_s if denoise_s else 0.0,
            full_step_s=profile.full_step.mean_s,
            store_s=store_s,
            load_bytes=load_bytes,
            store_bytes=store_bytes,
            load_s_by_tier=loads,
        )

    def _store(self, plan: Plan, query: Query, profile: Profile) -> tuple[int, float]:
        """Return bytes and seconds of writing a run's latents to the first tier."""
        if self._cache is None or query.namespace is None or isinstance(plan, Copy):
            return 0, 0.0
        size = self._cache.latents_kept(query, plan) * query.latent_bytes
        rate = profile.tiers[self._cache.first_tier]
        return size, rate.latency_s + size / rate.store_bytes_per_s


def denoising_s(plan: Plan, steps: int, profile: Profile) -> float:
    """Return the mean seconds of all denoising steps of ``plan``, TGAA included."""
    work = work_of(plan, steps, profile.srd_full_every)
    seconds = work.full_steps * profile.full_step.mean_s + srd_steps_s(plan, steps, profile)
    # An amplified SRD step costs less than an amplified full one; the share itself is about 1 %.
    return seconds + profile.tgaa_share * profile.full_step.mean_s * amplified_steps(plan, steps)


def srd_steps_s(plan: Plan, steps: int, profile: Profile) -> float:
    """Return the mean seconds of the SRD steps of ``plan``."""
    if not isinstance(plan, Regional):
        return 0.0
    work = work_of(plan, steps, profile.srd_full_every)
    return work.srd_steps * profile.srd_step_s(plan.active_share)
