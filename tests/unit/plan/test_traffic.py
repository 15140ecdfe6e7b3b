"""Settings change what they name, on either engine, and nothing else."""

import msgspec
import numpy as np
import pytest

from chorus_sim.plan.point import simulate
from chorus_sim.plan.traffic import Setting, busiest_hour
from chorus_sim.scenario import RunSection

from .conftest import part_of, study_on


@pytest.fixture(scope="module")
def trace():
    return part_of(1500, 300)


def stage(trace, setting, **run):
    study = study_on(trace, "p95=420s")
    scenario = msgspec.structs.replace(study.traffic.scenario, run=RunSection(**run))
    traffic = msgspec.structs.replace(study.traffic, scenario=scenario)
    return traffic.prepared(setting, 3)


def mean_response(trace, engine, service, *, cached):
    prepared = stage(trace, Setting(growth=1.0, service=service), engine=engine)
    # With a GPU for every request nobody waits.
    run, _ = simulate(prepared, 500, cached=cached)
    return float(run.responses().mean())


@pytest.mark.parametrize("engine", ["simpy", "auto"])
def test_a_slower_service_is_slower_on_either_engine(trace, engine):
    slowed = mean_response(trace, engine, 2.0, cached=False)
    assert slowed == pytest.approx(2 * mean_response(trace, engine, 1.0, cached=False))


def test_a_slower_service_finds_fewer_donors_finished(trace):
    """So it costs more than its factor, and both engines agree by how much."""
    ratios = [
        mean_response(trace, engine, 2.0, cached=True)
        / mean_response(trace, engine, 1.0, cached=True)
        for engine in ("simpy", "auto")
    ]
    assert ratios[0] == pytest.approx(ratios[1])
    assert 2.0 < ratios[0] < 2.4


def test_more_users_are_more_requests_with_the_same_gaps(trace):
    more = stage(trace, Setting(growth=3.0))
    assert len(more.trace) == 3 * len(trace)
    assert len({request.id for request in more.trace.requests}) == 3 * len(trace)
    assert more.workload.arrivals[-1] < trace.requests[-1].arrival_s + 3600


def test_from_the_peak_on_means_the_busiest_hour_comes_first():
    day = part_of(0, 2500)
    whole = stage(day, Setting(growth=1.0))
    start, _ = busiest_hour(whole.workload)
    late = stage(day, Setting(growth=1.0, from_peak=True))
    assert late.workload.arrivals[0] == 0
    assert 0 < len(late.workload) < len(whole.workload)
    hours = np.bincount((late.workload.arrivals // 3600).astype(int))
    assert hours[0] == hours.max()
    assert start >= 0


def test_shared_tenants_share_namespaces(trace):
    apart = stage(trace, Setting(growth=1.0))
    together = stage(trace, Setting(growth=1.0, tenants="shared"))
    spaces = [len(set(one.workload.namespace_of.tolist())) for one in (apart, together)]
    assert spaces[1] < spaces[0]


def test_a_preload_is_taken_after_users_were_added(trace):
    filled = stage(trace, Setting(growth=2.0), preload="50%")
    run, cut = simulate(filled, 40, cached=True)
    assert cut == len(trace)
    assert set(run.served.worker[:cut]) == {-1}
