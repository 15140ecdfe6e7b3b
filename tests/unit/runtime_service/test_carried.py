"""What becomes of a plan that fails on the way, and of noise that came from a donor."""

import pytest
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


@pytest.mark.parametrize(("renoised", "kind"), [(True, "regional"), (False, "resume")])
def test_a_run_that_finished_since_its_steps_were_promised(serve, renoised, kind):
    """Step latents leave with the end of a run: who was to read them reads renoised ones."""
    chorus = serve(policy=policy(kind="renoised"))
    chorus.generate(asked(RED))
    later = chorus.ask(asked(BLUE, seed=2))
    text = chorus.model.encode(BLUE, None, guided=later.guided)
    plan = Regional(
        donor=0, similarity=0.9, k1=1, k2=4, active_share=0.4, amplification=8.0, reason="near"
    )
    carrier = Carrier(
        chorus.model,
        DiffComparer(),
        lambda steps, computed_from: (steps, computed_from),
        chorus.store.get,
        renoised=renoised,
    )
    done = carrier.run(later, text, plan, Sharing(step_of=lambda plan: None, publish=None))
    assert kind_of(done.plan) == kind
    assert getattr(done.plan, "renoised", False) == renoised
    assert done.fallback == ("" if renoised else "the donor's step latents are gone")
    assert not done.spoilt
