"""The search finds what trying every number of GPUs finds."""

import pytest

from chorus_sim.fleet import auto_gpus
from chorus_sim.plan.cell import most_gpus, size
from chorus_sim.plan.traffic import Setting

from .conftest import part_of, study_on

TRACES = {"morning": (0, 400), "noon": (1500, 400), "evening": (3600, 400)}


@pytest.mark.parametrize("capacity", [0, 1])
@pytest.mark.parametrize("name", TRACES)
def test_the_fewest_gpus_are_those_of_an_exhaustive_search(name, capacity):
    study = study_on(part_of(*TRACES[name]), "p95=420s", attainment=0.9)
    stage = study.stage(Setting(growth=1.0))
    workload = stage(0).workload
    most = most_gpus(workload)
    chosen = study.capacities[capacity]
    found = size(study.bench(stage, chosen), auto_gpus(workload), most)
    every = study.bench(stage, chosen)
    passing = [
        gpus for gpus in range(1, most + 1) if every.meets(gpus) and every.meets(gpus, fresh=True)
    ]
    assert passing
    assert found.gpus == passing[0]
    assert 1 < passing[0] < most
    assert found.runs < every.runs / 2
