"""Runs in flight are shared by workers on a Ray cluster as by those of one process."""

import importlib.util
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest
import torch
from hanging_video import HangingVideo
from unit.runtime_service.tiny_pipes import asked, policy, wan_video

from chorus_policies.cache import Cache
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.live.calls import repeat
from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.fake_model import FakeVideo
from chorus_runtime.server.far.gone import HandsLostError
from chorus_runtime.service import Chorus

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
]

RED = "a red circle moving left"

STEP_S = 0.03


def tiny():
    torch.set_num_threads(1)
    return wan_video(), 8


def fake():
    return FakeVideo(EngineTimes(step_s=STEP_S)), 8


MODELS = {"tiny": tiny, "fake": fake}

#: Seeds of a request whose first run hangs, and of one whose every run does.
ONCE, ALWAYS = 21, 22

HANG_AFTER_S = 3.0


def hang(folder, seed):
    first = not (folder / str(seed)).exists()
    (folder / str(seed)).touch()
    if seed == ALWAYS or (seed == ONCE and first):
        Event().wait()


def hanging(folder):
    return HangingVideo(EngineTimes(step_s=STEP_S), partial(hang, folder)), 8


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """Two hands for each of the models, on one cluster."""
    import ray

    from chorus_runtime.server.far.hands import Hands

    tests = Path(__file__).parents[1]
    with pytest.MonkeyPatch.context() as patch:
        # The hands import this file.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(tests.parent), str(tests)]))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        made = {name: Hands(make, 2, {"num_cpus": 0}) for name, make in MODELS.items()}
        hangs = partial(hanging, tmp_path_factory.mktemp("hung"))
        made["hangs"] = Hands(hangs, 2, {"num_cpus": 0}, hang_after_s=HANG_AFTER_S)
        yield made
        for one in made.values():
            one.close()
        ray.shutdown()


@pytest.fixture
def serve():
    made = []

    def begin(model):
        made.append(
            Chorus(
                model,
                policy=policy(in_flight=True),
                cache="64MiB",
                embedder=HashedWords(),
                keep_calls=True,
            )
        )
        return made[-1]

    yield begin
    for one in made:
        one.close()


def far(hands):
    from chorus_runtime.server.far.model import FarModel

    return FarModel(hands)


class BrokenRunError(Exception):
    pass


def together(chorus, first, second, *, breaks=False):
    """Make ``second`` while ``first`` is in flight, which ends or breaks once that is planned."""
    shared, planned = Event(), Event()

    def hold(done):
        if done.number == first.steps - 1:
            shared.set()
            assert planned.wait(60)
            if breaks:
                raise BrokenRunError

    with ThreadPoolExecutor(1) as thread:
        leader = thread.submit(chorus.generate, first, observer=hold)
        assert shared.wait(60)
        follower = chorus.make(chorus.ask(second), planned=lambda plan: planned.set())
        if breaks:
            with pytest.raises(BrokenRunError):
                leader.result()
            return [follower]
        return [leader.result(), follower]


def session(chorus):
    """Return what a fixed course of requests gives: several from runs in flight, one that fails."""
    results = [
        *together(chorus, asked(RED, 1), asked(RED + " up", 2)),
        *together(chorus, asked("a green square on dark", 3), asked("a green square", 4)),
        chorus.generate(asked("a red circle moving left right", 5)),
        *together(
            chorus,
            asked("two old light background down", 6),
            asked("two old light background", 7),
            breaks=True,
        ),
        chorus.generate(asked("two old light background up", 8)),
    ]
    return results, [decision(result) for result in results]


def decision(result):
    made = result.provenance
    return (made.key, made.kind, made.donor, made.k1, made.k2, made.similarity, made.fallback)


def check_journal(chorus):
    journal = Journal()
    repeat(chorus.calls, Cache(chorus.policy, chorus.tiers, MatrixIndex(), journal))
    assert journal.rows == chorus.journal.rows


@pytest.mark.parametrize("name", ["tiny", "fake"])
def test_decisions_and_latents_are_those_of_local_workers(hands, serve, name):
    here, there = serve(MODELS[name]()[0]), serve(far(hands[name]))
    results, decisions = session(here)
    far_results, far_decisions = session(there)
    assert far_decisions == decisions
    for one, other in zip(results, far_results, strict=True):
        assert torch.equal(one.latents, other.latents)
    # Both pairs and the one whose donor failed were served from runs in flight.
    assert [(kind, donor) for _, kind, donor, *_ in decisions[1::2]] == [
        ("regional", 0),
        ("regional", 2),
        ("regional", 5),
    ]
    for chorus in (here, there):
        calls = [row.call for row in chorus.journal.rows]
        assert calls.count("abandon") == 1
        assert calls.count("publish") == 8
        check_journal(chorus)


def test_a_hand_killed_in_mid_run_takes_nothing_from_who_started_from_it(hands, serve):
    there, here = serve(far(hands["fake"])), serve(fake()[0])
    first, second = asked(RED, 1, steps=40), asked(RED + " up", 2, steps=40)
    expected = [here.generate(first), here.generate(second)]
    import ray

    with ThreadPoolExecutor(1) as thread:
        leader = thread.submit(there.generate, first)
        while "publish" not in [row.call for row in there.journal.rows]:
            time.sleep(0.01)
        (place,) = hands["fake"].health().busy
        ray.kill(hands["fake"].actors[place], no_restart=False)
        assert not leader.done()
        follower = there.generate(second)
        results = [leader.result(), follower]
    for one, other in zip(expected, results, strict=True):
        assert torch.equal(one.latents, other.latents)
        assert decision(one) == decision(other)
    assert [row.call for row in there.journal.rows].count("publish") == 2
    check_journal(there)
    assert results[0].provenance.notes == ("begun again; workers lost: 1",)
    # The one that was killed comes back.
    all_back(hands["fake"])


def all_back(hands):
    end = time.monotonic() + 60
    while hands.health().away:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_hand_whose_engine_hangs_takes_nothing_from_who_started_from_it(hands, serve):
    there, here = serve(far(hands["hangs"])), serve(fake()[0])
    first, second = asked(RED, ONCE, steps=20), asked(RED + " up", 2, steps=20)
    # The first run teaches how long steps take; until then much is borne.
    before = asked("snow falls", 3, steps=20)
    expected = [here.generate(one) for one in (before, first, second)]
    results = [there.generate(before)]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        leader = thread.submit(there.generate, first)
        while len(hands["hangs"].health().busy) < 1:
            time.sleep(0.01)
        follower = there.generate(second)
        results += [leader.result(), follower]
    # Its process goes on to give signs: what tells is that no step comes.
    assert HANG_AFTER_S < time.monotonic() - began < HANG_AFTER_S + 10
    for one, other in zip(expected, results, strict=True):
        assert torch.equal(one.latents, other.latents)
    assert results[1].provenance.notes == ("begun again; workers lost: 1 (1 hung)",)
    assert results[2].provenance.notes == ()
    health = hands["hangs"].health()
    assert (health.hung, health.died) == (1, 0)
    check_journal(there)
    all_back(hands["hangs"])


def test_a_request_that_hangs_two_hands_fails_and_others_are_served(hands, serve):
    there = serve(far(hands["hangs"]))
    there.generate(asked("snow falls", 3))
    lost = hands["hangs"].health().hung
    with pytest.raises(HandsLostError, match="2 workers elsewhere fell silent in turn") as failure:
        there.generate(asked(RED, ALWAYS, steps=20))
    assert "\n" not in str(failure.value)
    assert hands["hangs"].health().hung == lost + 2
    assert there.generate(asked(RED, 5)).provenance.kind == "fresh"
    check_journal(there)
    all_back(hands["hangs"])
