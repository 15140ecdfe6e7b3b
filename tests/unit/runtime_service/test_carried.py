"""What becomes of a plan that fails on the way, and of noise that came from a donor."""

import pytest
import torch
from unit.runtime_service.tiny_pipes import asked, policy

from chorus_policies.plan import Regional, kind_of
from chorus_runtime.alignment.compare import DiffComparer
from chorus_runtime.carry_out import Carrier
from chorus_runtime.share import Sharing
from chorus_traces.errors import EngineError

RED = "a red circle moving left"
BLUE = "a blue circle moving left"
GREEN = "a green circle moving left"


def test_a_run_that_fails_after_its_first_step_is_not_begun_again(serve):
    """Somebody has seen its steps: it fails, and its donor is not to blame."""
    chorus = serve()
    chorus.generate(asked(RED))
    seen = []

    def fails_once(done):
        seen.append(done.number)
        if len(seen) == 2:
            raise EngineError("the second step failed")

    with pytest.raises(EngineError, match="the second step failed"):
        chorus.generate(asked(BLUE, seed=2), observer=fails_once)
    assert seen == [1, 2]
    assert chorus.generate(asked(GREEN, seed=3)).provenance.donor == 0


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, EngineError, KeyboardInterrupt])
@pytest.mark.parametrize("broken", ["kept_of", "put"])
def test_a_run_that_cannot_be_offered_leaves_nothing_pinned(serve, monkeypatch, broken, error):
    """It was shared while it went on, and answered; only then does keeping it fail."""
    chorus = serve(policy=policy(kind="renoised", in_flight=True))
    delivered = []

    def fails(*arguments, **more):
        raise error("no room")

    with monkeypatch.context() as patch:
        if broken == "kept_of":
            patch.setattr("chorus_runtime.service.kept_of", fails)
        else:
            patch.setattr(chorus.store, "put", fails)
        one = chorus.ask(asked(RED))
        if broken == "put" and error is EngineError:
            assert chorus.make(one, delivered.append).provenance.stored == "no room"
        else:
            with pytest.raises(error, match="no room"):
                chorus.make(one, delivered.append)
    assert len(delivered) == 1
    gone = "abandon" if broken == "kept_of" else "remove"
    assert [row.call for row in chorus.journal.rows][-2:] == [
        "publish" if broken == "kept_of" else "store",
        gone,
    ]
    assert len(chorus) == len(chorus.store) == 0
    assert chorus._cache._flying == chorus._cache._facts == {}
    assert chorus.generate(asked(BLUE, seed=2)).provenance.kind == "fresh"


@pytest.mark.parametrize("kind", ["window", "renoised", "compact"])
def test_what_was_made_from_a_donor_keeps_the_noise_of_the_first_of_all(serve, kind):
    chorus = serve(policy=policy(kind=kind))
    made = [
        chorus.generate(asked(prompt, seed=seed)).provenance
        for prompt, seed in ((RED, 1), (BLUE, 2), (GREEN, 3))
    ]
    assert [one.kind for one in made] == [
        "fresh",
        *2 * ["resume" if kind == "compact" else "regional"],
    ]
    facts = [chorus.store.get(one.key).facts for one in made]
    assert [one.seed for one in facts] == [1, 2, 3]
    assert [one.noise_seed for one in facts] == [1, 1, 1]


def carried_later(serve, plan, sharing, *, renoised, recorded=None):
    """Carry ``plan`` out for a second request; its donor, the first one, has no step latents."""
    chorus = serve(policy=policy(kind="renoised"))
    chorus.generate(asked(RED))
    later = chorus.ask(asked(BLUE, seed=2))
    text = chorus.model.encode(BLUE, None, guided=later.guided)
    carrier = Carrier(
        chorus.model,
        DiffComparer(),
        lambda steps, computed_from: recorded or (steps, computed_from),
        chorus.store.get,
        renoised=renoised,
    )
    return carrier.run(later, text, plan, sharing)


@pytest.mark.parametrize(("renoised", "kind"), [(True, "regional"), (False, "resume")])
def test_a_run_that_finished_since_its_steps_were_promised(serve, renoised, kind):
    """Step latents leave with the end of a run: who was to read them reads renoised ones."""
    plan = Regional(
        donor=0, similarity=0.9, k1=1, k2=4, active_share=0.4, amplification=8.0, reason="near"
    )
    sharing = Sharing(step_of=lambda plan: None, publish=None)
    done = carried_later(serve, plan, sharing, renoised=renoised)
    assert kind_of(done.plan) == kind
    assert getattr(done.plan, "renoised", False) == renoised
    assert done.fallback == ("" if renoised else "the donor's step latents are gone")
    assert not done.spoilt


def test_a_run_that_could_not_use_its_donor_shares_its_own_noise(serve):
    """The steps it was to read are gone, and it begins anew: so does whoever reads from it."""
    plan = Regional(
        donor=0, similarity=0.9, k1=0, k2=4, active_share=0.4, amplification=1.0, reason="near"
    )
    shared = []
    sharing = Sharing(step_of=lambda plan: 2, publish=lambda *told: shared.append(told))
    done = carried_later(serve, plan, sharing, renoised=False, recorded=(1, 2))
    assert (kind_of(done.plan), done.donor) == ("fresh", None)
    assert done.fallback == "the donor's step latents are gone"
    assert [(kind_of(told[0]), told[2]) for told in shared] == [("fresh", 2)]
