import pytest
import torch
from unit.runtime.tiny import asked, euler, fresh, ltx, regional, relative, resume, text, wan

from chorus_runtime.adapters.adapter import Passage
from chorus_runtime.engine import Engine
from chorus_runtime.masks import MaskSettings
from chorus_runtime.settings import EngineSettings
from chorus_runtime.step_skip import SkipSettings, StepSkip
from chorus_traces.errors import EngineError


def engine(model=wan, **skip) -> Engine:
    settings = EngineSettings(
        skip=SkipSettings(**skip), variant="stale_kv", mask=MaskSettings(threshold="share")
    )
    return Engine(model(), euler(), settings=settings)


def test_off_is_the_default_and_a_tiny_threshold_computes_everything_bitwise():
    plain = Engine(wan(), euler()).generate(asked(fresh()))
    never = engine(threshold=1e-12).generate(asked(fresh()))
    assert SkipSettings().threshold == 0
    assert never.facts.skipped_passes == 0
    assert torch.equal(never.latents, plain.latents)


@pytest.mark.parametrize("model", [wan, ltx])
def test_a_larger_threshold_skips_more_and_drifts_more(model):
    plain = Engine(model(), euler()).generate(asked(fresh()))
    skipped, errors = [], []
    for threshold in (0.05, 0.2, 1.0):
        got = engine(model, threshold=threshold).generate(asked(fresh()))
        assert got.facts.tokens == got.facts.tokens_uncached * (20 - got.facts.skipped_passes) / 20
        skipped.append(got.facts.skipped_passes)
        errors.append(relative(got.latents, plain.latents))
    assert skipped == sorted(skipped)
    assert 0 < skipped[-1] <= 16
    assert errors[-1] == max(errors) > 0


def test_the_first_and_the_last_step_are_always_computed():
    got = engine(threshold=1e9).generate(asked(fresh()))
    assert got.facts.skipped_passes == 2 * 8
    assert got.facts.tokens == 2 * 2 * 48


def test_it_composes_with_full_reuse_and_with_repair():
    donor = engine().generate(asked(fresh(), record_steps=range(11))).trajectory.donor()
    resumed = engine(threshold=1e9).generate(asked(resume(4), text_states=text(2), donor=donor))
    assert resumed.facts.tokens == 2 * 2 * 48
    plan = regional(2, 6)
    repaired = engine(threshold=1e9).generate(asked(plan, text_states=text(2), donor=donor))
    # one record and three region steps, then the first and the last of four repair steps
    assert repaired.facts.skipped_passes == 2 * 2
    index = repaired.region.index.numel()
    assert repaired.facts.tokens == 2 * (48 + 3 * index + 2 * 48)


def test_a_step_that_records_is_never_skipped():
    donor = engine().generate(asked(fresh(), record_steps=range(11))).trajectory.donor()
    settings = EngineSettings(
        skip=SkipSettings(threshold=1e9),
        variant="stale_kv",
        refresh_every=1,
        mask=MaskSettings(threshold="share"),
    )
    got = Engine(wan(), euler(), settings=settings).generate(
        asked(regional(2, 10), text_states=text(2), donor=donor)
    )
    assert got.facts.skipped_passes == 0
    assert got.facts.steps["record"] == 8


def test_the_polynomial_rescales_the_change():
    seen = [
        engine(threshold=0.2, coefficients=coefficients)
        .generate(asked(fresh()))
        .facts.skipped_passes
        for coefficients in ((1.0, 0.0), (10.0, 0.0), (0.0, 0.0))
    ]
    assert seen[1] < seen[0] < seen[2] == 16


def test_the_two_experts_keep_their_own_residuals():
    two = Engine(
        wan(),
        euler(),
        settings=EngineSettings(skip=SkipSettings(threshold=1e9)),
        transformer_2=wan(seed=1),
        boundary_ratio=0.8,
    )
    assert two.generate(asked(fresh())).facts.tokens == 2 * 3 * 48


@pytest.mark.parametrize("fields", [{"threshold": -1.0}, {"coefficients": ()}])
def test_settings_outside_their_range_are_refused(fields):
    with pytest.raises(EngineError):
        SkipSettings(**fields)


def test_change_adds_up_from_the_last_step_that_was_computed():
    """The input grows by 10 % of its first value a step; every second step is beyond 15 %."""
    skip, computed = StepSkip(SkipSettings(threshold=0.15)), []
    for step in range(6):
        hidden = torch.full((1, 2, 2), 1 + 0.1 * step)

        def blocks(hidden=hidden, step=step):
            computed.append(step)
            return 3 * hidden

        passage = Passage(
            hidden=hidden, signal=lambda now=hidden: now, blocks=blocks, output=lambda left: left
        )
        left = skip.velocity(passage, must_compute=False)
        # A step that is skipped adds what the last one computed added.
        assert torch.allclose(left, hidden + 2 * (1 + 0.1 * computed[-1]))
    assert computed == [0, 2, 4]
    assert skip.skipped == 3
