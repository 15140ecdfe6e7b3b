"""The random spread of stage times: its mean is 1, and each stage has luck of its own."""

import msgspec
import numpy as np
import pytest

from chorus_policies.costs.profile import StageTime
from chorus_policies.costs.profile_book import ProfileBook, load_profile
from chorus_policies.namespace import Deployment
from chorus_sim.workload import SPREAD_STAGES, Workload, make_workload
from chorus_traces.request import Request
from chorus_traces.trace import Trace

REQUESTS = 20_000
MEAN_S, VARIATION = 2.0, 0.5
TRACE = Trace(
    name="t",
    requests=tuple(Request(id=f"{n}", arrival_s=float(n), prompt="a") for n in range(REQUESTS)),
)


def workload(seed: int = 0) -> Workload:
    stages = {name: StageTime(mean_s=MEAN_S, cv=VARIATION) for name in SPREAD_STAGES}
    profile = msgspec.structs.replace(
        load_profile("wan2.1-1.3b-480p-50step-h200"), srd_cv=VARIATION, **stages
    )
    return make_workload(TRACE, ProfileBook.of(profile), Deployment(), forced=True, seed=seed)


def factors(made: Workload) -> dict[str, np.ndarray]:
    own = {name: getattr(made, name) / MEAN_S for name in SPREAD_STAGES if name != "full_step"}
    return own | {"full_step": made.spread, "region": made.region}


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return factors(workload())


def test_every_stage_has_its_mean_and_its_variation(found) -> None:
    for name, values in found.items():
        # Five standard errors.
        assert values.mean() == pytest.approx(1, abs=5 * VARIATION / REQUESTS**0.5), name
        assert values.std() == pytest.approx(VARIATION, rel=0.06), name
        assert values.min() > 0, name


def test_stages_are_independent(found) -> None:
    together = np.corrcoef(np.array([*found.values()]))
    apart = together - np.eye(len(found))
    assert np.abs(apart).max() < 5 / REQUESTS**0.5


def test_a_seed_repeats_its_luck_and_another_has_its_own(found) -> None:
    same, other = factors(workload()), factors(workload(seed=1))
    for name, values in found.items():
        np.testing.assert_array_equal(values, same[name])
        assert abs(np.corrcoef(values, other[name])[0, 1]) < 5 / REQUESTS**0.5
