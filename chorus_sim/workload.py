"""The workload: a trace turned into what the model needs, before simulated time starts.

Everything that does not depend on decisions is computed here, as arrays over the requests: queries,
costs and their random spread. So all runs on a workload see the same requests with the same luck
(common random numbers), and the event loop has little left to do.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chorus_policies.costs.profile import Profile
from chorus_policies.costs.profile_book import ProfileBook
from chorus_policies.entry import Query
from chorus_policies.marks import marks_of
from chorus_policies.namespace import Deployment, identity_of, namespace_of
from chorus_traces.trace import Trace

FloatArray = npt.NDArray[np.float64]

#: Stages with a duration of their own and their place in the seed sequence.
SPREAD_STAGES = (
    "text_encode",
    "embed",
    "lookup",
    "full_step",
    "vae_decode",
    "video_encode",
    "server",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests ready to be served; arrays have shape ``(requests,)`` and are in seconds.

    ``profile_of`` numbers each request's profile in ``profiles``. ``spread`` is the factor on all
    denoising steps of a request, ``region`` a further one on its SRD steps, if it has any.
    ``server`` is what serving adds outside all stages, by default nothing.
    ``namespace_of`` numbers namespaces; -1 is unknown.
    """

    arrivals: FloatArray
    queries: list[Query]
    profiles: list[Profile]
    profile_of: npt.NDArray[np.int32]
    namespace_of: npt.NDArray[np.int64]
    text_encode: FloatArray
    embed: FloatArray
    lookup: FloatArray
    spread: FloatArray
    region: FloatArray
    vae_decode: FloatArray
    video_encode: FloatArray
    server: FloatArray = field(default_factory=lambda: np.zeros(1))

    def __len__(self) -> int:
        return len(self.queries)

    def before_s(self, cached: FloatArray) -> FloatArray:
        """Return the seconds before a request's denoising; ``cached`` is what the cache adds."""
        return self.text_encode + cached + self.server

    def uncached_service_s(self) -> FloatArray:
        """Return each request's service time without a cache."""
        full_step = np.array([profile.full_step.mean_s for profile in self.profiles])
        steps = np.array([query.steps for query in self.queries])
        denoise = steps * full_step[self.profile_of] * self.spread
        total: FloatArray = (
            self.text_encode + denoise + self.vae_decode + self.video_encode + self.server
        )
        return total


def make_workload(
    trace: Trace,
    book: ProfileBook,
    deployment: Deployment,
    *,
    forced: bool,
    seed: int,
    tier: str = "host",
) -> Workload:
    """Return the workload of ``trace`` on the profiles of ``book``.

    ``tier`` is the one new entries go to; its rate tells what reading a latent takes. ``forced``
    gives every request the default profile's shape. ``seed`` drives the stage times alone, one
    stream per stage. Raises ``ProfileError`` naming what no profile fits.
    """
    places: dict[str, int] = {}
    profiles: dict[int, int] = {}
    used: list[Profile] = []
    queries: list[Query] = []
    profile_of = np.zeros(len(trace), dtype=np.int32)
    spaces = np.full(len(trace), -1, dtype=np.int64)
    for place, request in enumerate(trace.requests):
        shape = book.shape_of(request, forced=forced)
        profile = book.find(shape)
        if id(profile) not in profiles:
            profiles[id(profile)] = len(used)
            used.append(profile)
        profile_of[place] = profiles[id(profile)]
        namespace = namespace_of(request, shape, deployment)
        if namespace is not None:
            spaces[place] = places.setdefault(namespace, len(places))
        queries.append(
            Query(
                sequence=place,
                namespace=namespace,
                identity=identity_of(request),
                steps=shape.steps,
                latent_bytes=profile.latent_bytes,
                result_bytes=profile.result_bytes,
                user=request.user,
                marks=marks_of(request.prompt),
                step_s=profile.full_step.mean_s,
                srd_full_every=profile.srd_full_every,
                overhead_s=profile.lookup.mean_s + profile.rate_of(tier).latency_s,
                load_latent_s=profile.latent_bytes / profile.rate_of(tier).load_bytes_per_s,
            )
        )
    variations = {stage: [getattr(one, stage).cv for one in used] for stage in SPREAD_STAGES}
    variations["region"] = [one.srd_cv for one in used]
    factors = {
        stage: _factors(np.array(variation)[profile_of], seed, purpose)
        for purpose, (stage, variation) in enumerate(variations.items())
    }
    means = {
        stage: np.array([getattr(profile, stage).mean_s for profile in used])[profile_of]
        for stage in SPREAD_STAGES
    }
    return Workload(
        arrivals=np.array([request.arrival_s for request in trace.requests]),
        queries=queries,
        profiles=used,
        profile_of=profile_of,
        namespace_of=spaces,
        spread=factors["full_step"],
        region=factors["region"],
        **{stage: means[stage] * factors[stage] for stage in SPREAD_STAGES if stage != "full_step"},
    )


def _factors(variation: FloatArray, seed: int, purpose: int) -> FloatArray:
    """Return a factor of mean 1 per request, log-normal with its coefficient of variation."""
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))
    sigma = np.sqrt(np.log1p(variation**2))
    factors: FloatArray = np.exp(sigma * stream.standard_normal(len(variation)) - sigma**2 / 2)
    return factors
