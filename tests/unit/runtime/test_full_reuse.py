import copy
from dataclasses import replace

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanPipeline,
)
from unit.runtime.tiny import (
    SHAPE,
    asked,
    euler,
    fresh,
    ltx,
    noise,
    regional,
    relative,
    resume,
    text,
    unipc,
    wan,
)

from chorus_policies.plan import Copy
from chorus_runtime.adapters import TextStates
from chorus_runtime.donor import Donor
from chorus_runtime.engine import Engine
from chorus_runtime.settings import EngineSettings
from chorus_runtime.solver import Solver
from chorus_traces.errors import EngineError


def run(engine, plan, **more):
    return engine.generate(asked(plan, record_steps=range(more.get("steps", 10) + 1), **more))


@pytest.mark.parametrize("scheduler", [euler, unipc])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_fresh_run_is_the_stock_pipeline_bit_for_bit(scheduler, guidance):
    pipe = WanPipeline(
        tokenizer=None, text_encoder=None, vae=None, scheduler=scheduler(), transformer=wan()
    )
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        prompt_embeds=text(1).states,
        negative_prompt_embeds=text(99).states,
        num_inference_steps=10,
        guidance_scale=guidance,
        latents=noise(5),
        height=8 * SHAPE[3],
        width=8 * SHAPE[4],
        num_frames=5,
        output_type="latent",
    ).frames
    got = Engine(wan(), scheduler()).generate(asked(fresh(), guidance=guidance))
    assert torch.equal(got.latents, expected)


@pytest.mark.parametrize("model", [wan, ltx])
@pytest.mark.parametrize("k1", [0, 1, 4, 9, 10])
def test_euler_resumed_from_its_own_latent_is_the_uninterrupted_run(model, k1):
    engine = Engine(model(), euler())
    whole = run(engine, fresh())
    resumed = run(engine, resume(k1), donor=whole.trajectory.donor())
    assert torch.equal(resumed.latents, whole.latents)
    assert resumed.facts.steps == {"skip": k1, "record": 0, "region": 0, "full": 10 - k1}
    assert resumed.facts.token_share == (10 - k1) / 10
    assert sorted(resumed.trajectory.latents) == list(range(k1, 11))


@pytest.mark.parametrize("frames", [1, 2])
def test_pictures_and_batches_resume_as_well(frames):
    shape = (3, 4, frames, 8, 12)
    engine = Engine(wan(), euler())
    whole = run(engine, fresh(), latent_shape=shape, seed=(1, 2, 3))
    resumed = run(engine, resume(4), latent_shape=shape, donor=whole.trajectory.donor())
    assert torch.equal(resumed.latents, whole.latents)
    alone = run(engine, fresh(), latent_shape=(1, *shape[1:]), seed=2)
    assert relative(whole.latents[1:2], alone.latents) < 1e-5


def test_another_prompt_from_the_same_latent_is_another_video():
    engine = Engine(wan(), euler())
    donor = run(engine, fresh()).trajectory.donor()
    other = run(engine, resume(4), prompt=2, donor=donor)
    assert relative(other.latents, donor.latents[0.0]) > 1e-2


def test_unipc_restored_with_its_history_is_bitwise_and_restarted_is_close():
    scheduler = unipc()
    engine, device = Engine(wan(), scheduler), torch.device("cpu")
    request = asked(fresh(), record_steps=range(11), guidance=1.0)
    whole = engine.generate(request)

    def velocity(solver, step, latents):
        return engine.adapters[0].full(latents, solver.timestep(step), text(1))

    solver, latents = Solver(scheduler, 10, device), noise(5)
    for step in range(10):
        if step == 4:
            restored, kept = copy.deepcopy(solver), latents.clone()
        latents = solver.step(velocity(solver, step, latents), step, latents)
    assert torch.equal(latents, whole.latents)
    for step in range(4, 10):
        kept = restored.step(velocity(restored, step, kept), step, kept)
    assert torch.equal(kept, whole.latents)

    errors = {}
    for k1 in (2, 4, 8):
        donor = whole.trajectory.donor()
        resumed = engine.generate(replace(request, plan=resume(k1), donor=donor))
        errors[k1] = relative(resumed.latents, whole.latents)
    assert max(errors.values()) < 0.02, errors
    assert errors[8] > 0, "the restart must have been exercised"


def test_unipc_from_the_start_is_not_disturbed_by_the_restart():
    engine = Engine(wan(), unipc())
    whole = run(engine, fresh())
    resumed = run(engine, resume(0), donor=whole.trajectory.donor())
    assert torch.equal(resumed.latents, whole.latents)


def test_a_donor_of_another_step_count_serves_where_sigmas_match():
    engine = Engine(wan(), unipc())
    longer = run(engine, fresh(), steps=20).trajectory
    for k1 in range(10):
        served = run(engine, resume(k1), donor=longer.donor())
        assert torch.equal(served.trajectory.latents[k1], longer.latents[2 * k1])


def test_a_donor_without_a_matching_sigma_is_refused():
    engine = Engine(wan(), euler())
    donor = run(engine, fresh(), steps=20).trajectory.donor()
    with pytest.raises(EngineError, match=r"no latent at sigma .* matches only where sigmas agree"):
        run(engine, resume(4), donor=donor)
    assert run(engine, resume(0), donor=donor).facts.donor_form == "stored"


def test_a_compact_donor_serves_any_step_count():
    engine = Engine(wan(), euler())
    whole = run(engine, fresh())
    donor = Donor(finished=whole.latents, seed=5)
    resumed = run(engine, resume(4), donor=donor)
    assert resumed.facts.donor_form == "renoised"
    assert relative(resumed.latents, whole.latents) < 0.6
    assert run(engine, resume(7), steps=17, donor=donor).facts.donor_form == "renoised"
    assert torch.allclose(run(engine, resume(0), donor=donor).latents, whole.latents, atol=1e-5)


def test_distilled_schedules_run_as_stated():
    engine = Engine(wan(), euler(shift=1.0))
    sigmas = (1.0, 0.75, 0.5, 0.25)
    whole = run(engine, fresh(), steps=4, sigmas=sigmas, guidance=1.0)
    assert whole.trajectory.sigmas == (*sigmas, 0.0)
    assert whole.facts.tokens == 4 * 48
    donor = whole.trajectory.donor()
    resumed = run(engine, resume(1), steps=4, sigmas=sigmas, guidance=1.0, donor=donor)
    assert torch.equal(resumed.latents, whole.latents)


def test_the_two_experts_switch_at_the_boundary():
    pipe = WanPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=None,
        scheduler=euler(),
        transformer=wan(),
        transformer_2=wan(seed=1),
        boundary_ratio=0.8,
    )
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        prompt_embeds=text(1).states,
        negative_prompt_embeds=text(99).states,
        num_inference_steps=10,
        guidance_scale=3.0,
        guidance_scale_2=1.0,
        latents=noise(5),
        height=8 * SHAPE[3],
        width=8 * SHAPE[4],
        num_frames=5,
        output_type="latent",
    ).frames
    engine = Engine(wan(), euler(), transformer_2=wan(seed=1), boundary_ratio=0.8)
    whole = run(engine, fresh(), guidance_2=1.0)
    # the pipeline still runs the negative branch where its guidance is 1, which leaves rounding
    assert relative(whole.latents, expected) < 1e-5
    late = sum(sigma < 0.8 for sigma in whole.trajectory.sigmas[:-1])
    assert 0 < late < 10
    assert whole.facts.tokens == 48 * (2 * (10 - late) + late)
    resumed = run(engine, resume(4), guidance_2=1.0, donor=whole.trajectory.donor())
    assert torch.equal(resumed.latents, whole.latents)


def test_guidance_as_one_batch_is_guidance_in_two_passes():
    batched = EngineSettings(guidance_passes="batched")
    one = run(Engine(wan(), euler(), settings=batched), fresh())
    two = run(Engine(wan(), euler()), fresh())
    assert relative(one.latents, two.latents) < 1e-5
    assert one.facts.tokens == two.facts.tokens


def test_only_the_steps_wanted_are_recorded():
    got = Engine(wan(), euler()).generate(asked(fresh(), record_steps=(0, 3, 10)))
    assert sorted(got.trajectory.latents) == [0, 3, 10]
    assert torch.equal(got.trajectory.latents[0], noise(5))
    assert torch.equal(got.trajectory.latents[10], got.latents)


def test_a_dynamic_shift_needs_mu():
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    engine = Engine(ltx(), scheduler)
    with pytest.raises(EngineError, match="give mu"):
        run(engine, fresh())
    assert run(engine, fresh(), mu=0.9).trajectory.sigmas[0] == 1


def test_a_shift_set_by_hand_is_kept():
    by_hand = euler(shift=1.0)
    by_hand.set_shift(3.0)
    got = Engine(wan(), by_hand).solver(asked(fresh())).sigmas
    assert got[3] == pytest.approx(
        Engine(wan(), euler(3.0)).solver(asked(fresh())).sigmas[3], abs=1e-3
    )


@pytest.mark.parametrize(
    ("scheduler", "needed"),
    [
        (DDIMScheduler, "scheduler DDIMScheduler is not supported"),
        (UniPCMultistepScheduler, "use_flow_sigmas"),
        (lambda: FlowMatchEulerDiscreteScheduler(stochastic_sampling=True), "cannot be resumed"),
        (lambda: FlowMatchEulerDiscreteScheduler(invert_sigmas=True), "ending at 0 are needed"),
    ],
)
def test_a_scheduler_that_cannot_resume_is_refused(scheduler, needed):
    with pytest.raises(EngineError, match=needed):
        Engine(wan(), scheduler()).generate(asked(fresh()))


def test_the_scheduler_of_the_pipeline_is_not_touched():
    scheduler = unipc()
    before = copy.deepcopy(scheduler.__dict__)
    Engine(wan(), scheduler).generate(asked(fresh()))
    assert scheduler.__dict__.keys() == before.keys()
    assert torch.equal(scheduler.sigmas, before["sigmas"])
    assert scheduler._step_index is before["_step_index"] is None


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"plan": Copy(donor=1)}, "answered from the store"),
        ({"plan": resume(4)}, "has no donor"),
        ({"donor": Donor()}, "a donor it does not use"),
        ({"plan": resume(11), "donor": Donor()}, "0 <= k1 <= k2 <= steps"),
        ({"plan": regional(2, 8, share=0.0), "donor": Donor()}, "active_share is 0.0"),
        ({"steps": 0}, "at least one step"),
        ({"negative_states": None}, "needs the negative prompt"),
        ({"guidance": float("nan")}, "finite"),
        ({"amplification": 0.5}, "finite number >= 1"),
        ({"record_steps": (11,)}, "0 to 10 are needed"),
        ({"map_steps": (1,)}, "belong together"),
        ({"map_steps": (1,), "map_groups": torch.ones(3, 1)}, "3 rows for 9 text tokens"),
        ({"emphasis": torch.ones(1, 4)}, r"\(1 or 1, 9\)"),
        ({"emphasis": torch.full((1, 9), 2.0)}, r"must lie in \[0, 1\]"),
        ({"text_states": text(1, 2)}, r"\(1 or 1, text tokens, width\)"),
        ({"text_states": TextStates(states=text(1).states, valid=torch.ones(1, 4))}, "one number"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused(changes, needed):
    with pytest.raises(EngineError, match=needed):
        asked(changes.pop("plan", fresh()), **changes)


def test_a_model_that_returns_no_numbers_is_an_error_and_no_video():
    broken = TextStates.of(text(1).states * float("nan"))
    with pytest.raises(EngineError, match="not finite; nothing was made"):
        Engine(wan(), euler()).generate(asked(fresh(), text_states=broken))


def test_batched_guidance_needs_equal_text_lengths():
    engine = Engine(wan(), euler(), settings=EngineSettings(guidance_passes="batched"))
    short = TextStates.of(text(99).states[:, :5])
    with pytest.raises(EngineError, match="one batch needs equal shapes"):
        engine.generate(asked(fresh(), negative_states=short))


def test_text_states_of_another_encoder_are_refused():
    narrow = TextStates.of(torch.randn(1, 9, 8))
    with pytest.raises(EngineError, match="8 wide; the model takes 16"):
        Engine(wan(), euler()).generate(asked(fresh(), negative_states=narrow))


@pytest.mark.parametrize("fields", [{"transformer_2": 1}, {"boundary_ratio": 0.9}])
def test_half_an_expert_pair_is_refused(fields):
    with pytest.raises(EngineError, match="belong together"):
        Engine(wan(), euler(), **fields)


def test_a_model_with_a_diffusers_cache_is_refused():
    from diffusers import FirstBlockCacheConfig

    model = wan(seed=6)
    model.enable_cache(FirstBlockCacheConfig(threshold=0.1))
    try:
        with pytest.raises(EngineError, match=r"call disable_cache\(\)"):
            Engine(model, euler())
    finally:
        model.disable_cache()
