"""Without a cache, on Poisson arrivals and exponential service, a plan agrees with Erlang C."""

import math

import msgspec
import pytest
from queueing import exponential_service, plain_workload, poisson_arrivals

from chorus_sim.compiled.shared import Shared
from chorus_sim.plan.cell import size
from chorus_sim.plan.erlang import mean_wait_s, percentile_s, share_within, wait_probability
from chorus_sim.plan.formula import fewest_by_formula, queueing_formula
from chorus_sim.plan.goal import parse_goal
from chorus_sim.plan.traffic import Setting

from .conftest import part_of, study_on

REQUESTS = 16_000
#: Load in erlangs at a mean service of 1 s, and the goal: none is nearer to what a fleet reaches
#: than the interval is wide, for then a plan rightly buys one GPU more than the formula.
QUESTIONS = [(0.7, "mean=1.6s", None), (6.0, "p95=3.5s", None), (20.0, "mean=1.2s", 0.6)]


def bench(load: float, slo: str, attainment: float | None):
    """Return a bench whose every seed is an M/M/c queue of its own."""
    study = study_on(part_of(0, 60), slo, attainment=attainment, seeds=4)
    template = study.stage(Setting(growth=1.0))(0)

    def prepared(seed: int):
        arrivals = poisson_arrivals(load, REQUESTS, seed)
        workload = plain_workload(arrivals, exponential_service(1.0, REQUESTS, seed))
        return msgspec.structs.replace(template, workload=workload, shared=Shared(workload))

    made = study.bench(prepared, study.capacities[0])
    made.method = "replications"
    return made


@pytest.mark.parametrize(("load", "slo", "attainment"), QUESTIONS)
def test_a_plan_buys_as_many_gpus_as_erlang_c_says(load, slo, attainment):
    one = bench(load, slo, attainment)
    says = fewest_by_formula(load, 1.0, one.goal, one.target_s)
    assert says is not None
    assert size(one, math.ceil(load) + 1, 200).gpus == says


def test_the_formula_recognises_such_a_queue_and_refuses_a_daily_cycle():
    workload = plain_workload(
        poisson_arrivals(6.0, REQUESTS, 1), exponential_service(1.0, REQUESTS, 1)
    )
    applied = queueing_formula(workload, parse_goal("p95=3.3s"), 3.3)
    assert applied.applies
    assert applied.gpus == fewest_by_formula(
        applied.offered_load_erlangs,
        float(workload.text_encode.mean()),
        parse_goal("p95=3.3s"),
        3.3,
    )
    day = study_on(part_of(0, 3000), "p95=420s").stage(Setting(growth=1.0))(0)
    refused = queueing_formula(day.workload, parse_goal("p95=420s"), 420.0)
    assert not refused.applies
    assert refused.gpus is None
    assert "bursts" in refused.why


def test_one_server_gives_the_textbook_numbers():
    assert wait_probability(1, 0.8) == pytest.approx(0.8)
    assert mean_wait_s(1, 0.8, 1.0) == pytest.approx(4.0)
    # M/M/1: response times are exponential with mean 1 / (1 - 0.8).
    assert share_within(1, 0.8, 1.0, 7.0) == pytest.approx(1 - math.exp(-7.0 * 0.2))
    assert percentile_s(1, 0.8, 1.0, 0.95) == pytest.approx(math.log(20) * 5)


def test_two_servers_give_the_textbook_wait():
    # Gross & Harris: M/M/2 at load a waits a^2 / (4 - a^2) mean services.
    assert mean_wait_s(2, 1.5, 1.0) == pytest.approx(1.5**2 / (4 - 1.5**2))


def test_a_load_that_cannot_be_carried_waits_for_ever():
    assert mean_wait_s(2, 2.0, 1.0) == math.inf
    assert percentile_s(2, 2.5, 1.0, 0.5) == math.inf
    assert share_within(2, 2.5, 1.0, 100.0) == 0.0
