"""Workloads whose waiting times have exact formulas, for tests of the model."""

import numpy as np

from chorus_policies.costs.profile_book import load_profile
from chorus_policies.entry import Query
from chorus_sim.workload import Workload

_PROFILE = load_profile("wan2.1-1.3b-480p-50step-h200")


def plain_workload(arrivals: np.ndarray, service: np.ndarray) -> Workload:
    """Return a workload without denoising: each request takes ``service`` seconds in all."""
    requests = len(arrivals)
    nothing = np.zeros(requests)
    queries = [
        Query(sequence=place, namespace="n", identity=None, steps=1, latent_bytes=1, result_bytes=1)
        for place in range(requests)
    ]
    return Workload(
        arrivals=arrivals,
        queries=queries,
        profiles=[_PROFILE],
        profile_of=np.zeros(requests, dtype=np.int32),
        namespace_of=np.zeros(requests, dtype=np.int64),
        text_encode=service,
        embed=nothing,
        lookup=nothing,
        spread=nothing,
        region=nothing,
        vae_decode=nothing,
        video_encode=nothing,
    )


def poisson_arrivals(rate: float, requests: int, seed: int) -> np.ndarray:
    """Return arrival instants of a Poisson process."""
    gaps = np.random.default_rng([seed, 1]).exponential(1 / rate, requests)
    return np.cumsum(gaps)


def exponential_service(mean: float, requests: int, seed: int) -> np.ndarray:
    """Return exponential service times."""
    return np.random.default_rng([seed, 2]).exponential(mean, requests)
