"""Verdicts that clients gave live are given again in the simulation of the run."""

import msgspec
import pytest
from live_run import serve_all, some_prompts

from chorus_policies.entry import Query
from chorus_policies.live.calls import Call
from chorus_policies.plan import Resume
from chorus_sim.live.calibrate import blank
from chorus_sim.live.replay_journal import replay_journal
from chorus_sim.live.run import read_run
from chorus_sim.live.validate import validate
from chorus_sim.live.verdicts import LiveVerdicts

#: Learns fast, so that verdicts decide what is reused; tries some of what it does not trust.
BUDGET = """
base = "chorus"
[reuse]
kind = "error_budget"
delta = 0.5
epsilon = 0.5
bands = [{ similarity = 0.4, k1 = 0.5 }]
"""

PLAN = Resume(donor=1, similarity=0.9, k1=2, reason="band", amplification=1.0)


def query(key):
    return Query(
        sequence=key, namespace="n", identity=None, steps=4, latent_bytes=1, result_bytes=1
    )


class Told:
    """A cache that notes what it is told."""

    def __init__(self):
        self.verdicts = []

    def judged(self, query, plan, acceptable, now):
        self.verdicts.append((query.sequence, acceptable, now))


def call(key, now_s, acceptable, plan=PLAN):
    return Call(name="judged", now_s=now_s, query=query(key), plan=plan, acceptable=acceptable)


def test_a_verdict_is_told_when_it_was_given_and_not_before_its_result_is_there():
    verdicts, cache = LiveVerdicts([call(7, 130.0, True), call(5, 110.0, False)], 100.0), Told()
    verdicts.finished(cache, query(5), PLAN, 8.0)
    verdicts.asked(cache, 9.0)
    assert cache.verdicts == []
    verdicts.asked(cache, 12.0)
    assert cache.verdicts == [(5, False, 12.0)]
    verdicts.asked(cache, 31.0)
    verdicts.finished(cache, query(7), PLAN, 33.0)
    verdicts.asked(cache, 34.0)
    verdicts.asked(cache, 35.0)
    assert cache.verdicts == [(5, False, 12.0), (7, True, 34.0)]


def test_a_verdict_on_what_the_simulation_made_otherwise_is_not_told():
    verdicts, cache = LiveVerdicts([call(5, 110.0, False)], 100.0), Told()
    verdicts.finished(cache, query(5), msgspec.structs.replace(PLAN, donor=2), 8.0)
    verdicts.asked(cache, 12.0)
    assert cache.verdicts == []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "budget.toml").write_text(BUDGET, encoding="utf-8")
    return read_run(
        serve_all(
            folder / "log",
            some_prompts(150),
            policy=str(folder / "budget.toml"),
            capacity="64MiB",
            verdict=lambda key: key % 5 > 0,
        )
    )


def test_a_run_that_learned_from_verdicts_is_predicted_with_them(run):
    assert replay_journal(run.folder).difference is None
    assert sum(one.name == "judged" for one in run.calls) > 20
    found = validate(run, blank(run.facts), run.policy, replications=1)
    assert found["kinds"]["equal"] == 1
    assert found["decisions"]["differ"] == 0
    deaf = msgspec.structs.replace(
        run, calls=tuple(one for one in run.calls if one.name != "judged")
    )
    assert validate(deaf, blank(run.facts), run.policy, replications=1)["kinds"]["equal"] < 0.9
