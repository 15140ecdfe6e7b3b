"""What a request takes where there is no cache."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from queueing import plain_workload


def test_all_stages_but_those_of_the_cache_count() -> None:
    plain = plain_workload(np.zeros(2), np.array([1.0, 2.0]))
    workload = replace(
        plain,
        queries=[msgspec.structs.replace(query, steps=3) for query in plain.queries],
        spread=np.array([1.0, 2.0]),
        vae_decode=np.full(2, 8.0),
        video_encode=np.full(2, 16.0),
        server=np.full(2, 32.0),
        embed=np.full(2, 1e6),
        lookup=np.full(2, 1e6),
    )
    step_s = plain.profiles[0].full_step.mean_s
    assert workload.uncached_service_s() == pytest.approx([57 + 3 * step_s, 58 + 6 * step_s])
