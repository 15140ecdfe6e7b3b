"""What a hand tells of a run, without a cluster around it."""

import pytest
import torch

from chorus_policies.plan import Fresh, Resume
from chorus_runtime.adapters.adapter import TextStates
from chorus_runtime.generated import Generated
from chorus_runtime.generation import Generation
from chorus_runtime.observer import StepDone
from chorus_runtime.server.engine_times import EngineTimes
from chorus_runtime.server.fake_model import FakeVideo
from chorus_runtime.server.far.hand import Hand, Stop, token_of
from chorus_runtime.store import LATENT_DTYPE

STEPS = 6


@pytest.fixture
def hand():
    return Hand(lambda: (FakeVideo(EngineTimes(step_s=0.01)), 8), 2**20)


def generation(**fields) -> Generation:
    text = TextStates.of(torch.zeros(1, 1, 1))
    stated = {"plan": Fresh(reason="test"), "steps": STEPS, "seed": 3, "record_steps": (1, 2, 3)}
    return Generation(latent_shape=(1, 4, 2, 8, 8), text_states=text, **(stated | fields))


def test_latents_are_sent_once_at_the_step_that_is_shared(hand):
    *steps, made = hand.generate(0, generation(shared_step=4), None, sent=False)
    assert [step.number for step in steps] == list(range(STEPS))
    (shared,) = [step for step in steps if step.latents.numel()]
    assert shared.number == 3
    assert set(shared.kept) == {1, 2, 3}
    assert {latent.dtype for latent in (shared.latents, *shared.kept.values())} == {LATENT_DTYPE}
    assert isinstance(made, Generated)
    assert set(made.trajectory.latents) == {1, 2, 3}


def test_without_a_shared_step_none_are_sent_before_the_end(hand):
    *steps, made = hand.generate(0, generation(), None, sent=False)
    assert len(steps) == STEPS
    assert not any(step.latents.numel() or step.kept for step in steps)
    assert made.latents.shape == (1, 4, 2, 8, 8)


def test_a_stopped_run_ends_at_its_next_step(hand):
    told = hand.generate(7, generation(steps=50), None, sent=False)
    assert isinstance(next(told), StepDone)
    hand.stop(7)
    with pytest.raises(Stop):
        list(told)


def test_a_donor_that_is_not_there_is_asked_for(hand):
    *_, made = hand.generate(0, generation(), None, sent=False)
    donor = made.trajectory.donor()
    token = token_of(0, donor)
    plan = Resume(donor=0, similarity=0.9, k1=2, amplification=1.0, reason="test")
    resumed = generation(plan=plan, donor=donor)
    assert list(hand.generate(1, resumed, token, sent=False)) == [None]
    *steps, again = hand.generate(2, resumed, token, sent=True)
    assert isinstance(again, Generated)
    assert len(steps) == STEPS - 2
    assert hand.held() == [token]
