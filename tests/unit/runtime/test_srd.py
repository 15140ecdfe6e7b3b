from dataclasses import replace

import msgspec
import pytest
import torch
from unit.runtime.tiny import (
    SHAPE,
    TEXT_TOKENS,
    asked,
    emphasis,
    euler,
    fresh,
    ltx,
    regional,
    relative,
    resume,
    text,
    unipc,
    wan,
)

from chorus_policies.costs.work import work_of
from chorus_runtime.alignment import AmplificationSchedule
from chorus_runtime.blend import blend
from chorus_runtime.donor import Donor
from chorus_runtime.engine import Engine
from chorus_runtime.grid import over_latent
from chorus_runtime.masks import MaskSettings
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError

MODELS = [pytest.param(wan, id="wan"), pytest.param(ltx, id="ltx")]
VARIANTS = ["stale_kv", "context", "isolated"]


def engine(model=wan, scheduler=euler, **settings) -> Engine:
    # Random weights make scores that no threshold of Otsu splits well.
    chosen = {"mask": MaskSettings(threshold="share")} | settings
    return Engine(model(), scheduler(), settings=EngineSettings(**chosen))


def donor_of(model=wan, scheduler=euler, **more) -> Donor:
    """The path of prompt 1."""
    request = asked(fresh(), record_steps=range(11), **more)
    return Engine(model(), scheduler()).generate(request).trajectory.donor()


def outside(result, model=wan) -> torch.Tensor:
    grid = Engine(model(), euler()).adapters[0].grid(SHAPE)
    return ~over_latent(result.region.mask, grid).expand(SHAPE)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scheduler", [euler, unipc])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("passes", ["two", "batched"])
def test_outside_the_mask_the_donors_path_is_kept_bit_for_bit(model, scheduler, variant, passes):
    donor = donor_of(model, scheduler)
    plan = regional(2, 8, share=0.3, amplification=4.0)
    run = engine(model, scheduler, variant=variant, guidance_passes=passes)
    request = asked(plan, prompt=2, donor=donor, emphasis=emphasis(2), record_steps=range(11))
    got = run.generate(request)
    path, sigmas = got.trajectory.latents, got.trajectory.sigmas
    kept = outside(got, model)
    assert 0.05 < got.facts.active_share <= 0.3
    assert torch.equal(path[2], donor.latents[sigmas[2]])
    for step in range(3, 9):
        assert torch.equal(path[step][kept], donor.latents[sigmas[step]][kept])
        assert not torch.equal(path[step][~kept], donor.latents[sigmas[step]][~kept])
    assert not torch.equal(path[9][kept], donor.latents[sigmas[9]][kept])
    assert got.facts.variant == variant
    assert got.facts.steps == {"skip": 2, "record": 2, "region": 4, "full": 2}


def test_what_is_computed_is_what_the_cost_model_counts():
    plan, donor = regional(2, 8, share=0.25), donor_of()
    got = engine(variant="stale_kv", refresh_every=3).generate(asked(plan, prompt=2, donor=donor))
    work = work_of(plan, 10, 3)
    tokens, index = 48, got.region.index.numel()
    assert got.facts.steps["full"] + got.facts.steps["record"] == work.full_steps
    assert got.facts.steps["region"] == work.srd_steps
    assert got.facts.tokens == 2 * (work.full_steps * tokens + work.srd_steps * index)
    assert got.facts.tokens_uncached == 2 * 10 * tokens
    assert got.facts.tokens_of["region"] == 2 * work.srd_steps * index
    assert sum(got.facts.tokens_of.values()) == got.facts.tokens
    assert got.facts.token_share < 0.65
    # 2 tensors x 3 layers x 48 tokens x width 48 x 4 bytes, for each branch
    assert got.facts.keys_values_bytes == 2 * 2 * 3 * 48 * 48 * 4


@pytest.mark.parametrize("model", MODELS)
def test_the_same_prompt_follows_its_own_path(model):
    """With the donor's own prompt an exact SRD would change nothing; this bounds staleness."""
    donor = donor_of(model)
    box = torch.zeros(Engine(model(), euler()).adapters[0].grid(SHAPE).shape)
    box[:, 1:3, 1:5] = 1

    class Box:
        def score(self, scene):
            return box

    errors = {}
    for variant in VARIANTS:
        settings = EngineSettings(
            variant=variant, mask=MaskSettings(source="segmenter", cells=(1,), dilation=0)
        )
        run = Engine(model(), euler(), settings=settings, segmenter=Box())
        got = run.generate(asked(regional(2, 8), donor=donor))
        assert torch.equal(got.region.mask, box.bool())
        errors[variant] = relative(got.latents, donor.latents[0.0])
    assert errors["stale_kv"] < 0.5 * errors["isolated"], errors
    refreshed = Engine(
        model(), euler(), settings=replace(settings, refresh_every=1), segmenter=Box()
    ).generate(asked(regional(2, 8), donor=donor))
    assert torch.equal(refreshed.latents, donor.latents[0.0])


@pytest.mark.parametrize("scheduler", [euler, unipc])
def test_repair_starts_anew_at_k2(scheduler):
    """What SRD left in the solver's history must not reach the repaired latent."""
    donor = donor_of(scheduler=scheduler)
    got = engine(scheduler=scheduler).generate(
        asked(regional(2, 7), prompt=2, donor=donor, record_steps=(7,))
    )
    resumed = engine(scheduler=scheduler).generate(
        asked(resume(7), prompt=2, donor=got.trajectory.donor())
    )
    assert torch.equal(got.latents, resumed.latents)


def test_a_fresher_store_is_a_better_one():
    donor = donor_of()
    errors = []
    for every in (1, 2, 6):
        got = engine(variant="stale_kv", refresh_every=every).generate(
            asked(regional(2, 8, share=0.5), prompt=2, donor=donor)
        )
        if every == 1:
            exact = got
        assert torch.equal(got.region.mask, exact.region.mask)
        errors.append(relative(got.latents, exact.latents))
    assert 0 == errors[0] < errors[1] < errors[2], errors


def test_a_damaged_store_of_keys_and_values_changes_the_result():
    donor, plan = donor_of(), regional(2, 8)
    run = engine(variant="stale_kv")
    whole = run.generate(asked(plan, prompt=2, donor=donor))
    states = []
    original = run._guided

    def watched(generation):
        guided = original(generation)
        states.extend(expert.state for expert in guided.experts)
        return guided

    run._guided = watched

    def damage(done):
        if done.kind == "record":
            for key, _ in states[0]._stored.values():
                key.neg_()

    damaged = run.generate(asked(plan, prompt=2, donor=donor, observer=damage))
    assert relative(damaged.latents, whole.latents) > 1e-3


def test_a_mask_above_the_cap_is_computed_in_full_and_says_so():
    donor = donor_of()
    mask = MaskSettings(threshold="otsu", cells=(1,), dilation=2, cap=0.3)
    got = engine(mask=mask).generate(asked(regional(2, 8), prompt=2, donor=donor))
    plain = engine().generate(asked(resume(2), prompt=2, donor=donor))
    assert got.region is None
    assert got.facts.active_share == 0
    assert got.facts.steps == {"skip": 2, "record": 1, "region": 0, "full": 7}
    assert "computed in full" in got.facts.notes[0]
    assert got.facts.tokens == got.facts.tokens_uncached * 8 // 10
    assert torch.equal(got.latents, plain.latents)


class Nothing:
    def score(self, scene):
        return torch.zeros(scene.grid.shape)


def test_an_empty_mask_computes_nothing_up_to_k2_and_says_so():
    donor = donor_of()
    settings = EngineSettings(mask=MaskSettings(source="segmenter"))
    run = Engine(wan(), euler(), settings=settings, segmenter=Nothing())
    got = run.generate(asked(regional(2, 8), prompt=2, donor=donor, record_steps=(8,)))
    sigma = got.trajectory.sigmas[8]
    assert torch.equal(got.trajectory.latents[8], donor.latents[sigma])
    assert got.facts.tokens == 2 * 48 * 3
    assert "mask is empty" in got.facts.notes[0]
    plain = engine().generate(asked(resume(8), prompt=2, donor=donor))
    assert torch.equal(got.latents, plain.latents)


def test_srd_up_to_the_last_step_ends_on_the_donors_latent_outside():
    donor = donor_of()
    got = engine().generate(asked(regional(2, 10), prompt=2, donor=donor))
    kept = outside(got)
    assert torch.equal(got.latents[kept], donor.latents[0.0][kept])
    assert not torch.equal(got.latents[~kept], donor.latents[0.0][~kept])


def test_a_soft_seam_mixes_inside_and_keeps_the_outside():
    donor = donor_of()
    mask = MaskSettings(threshold="share", seam=1)
    hard = engine().generate(asked(regional(2, 10), prompt=2, donor=donor))
    soft = engine(mask=mask).generate(asked(regional(2, 10), prompt=2, donor=donor))
    assert torch.equal(soft.region.mask, hard.region.mask)
    kept = outside(soft)
    assert torch.equal(soft.latents[kept], donor.latents[0.0][kept])
    assert relative(soft.latents, hard.latents) > 1e-4
    assert relative(soft.latents, donor.latents[0.0]) < relative(hard.latents, donor.latents[0.0])


def test_blending_mixes_by_the_weights():
    got = engine(mask=MaskSettings(threshold="share", seam=1)).generate(
        asked(regional(2, 8), prompt=2, donor=donor_of())
    )
    grid = Engine(wan(), euler()).adapters[0].grid(SHAPE)
    own, donor = torch.ones(SHAPE), torch.zeros(SHAPE)
    assert torch.equal(
        blend(own, donor, got.region, grid), over_latent(got.region.weights, grid).expand(SHAPE)
    )


@pytest.mark.parametrize("frames", [1, 2])
def test_a_batch_shares_one_region_and_a_picture_has_one_too(frames):
    shape = (2, 4, frames, 8, 12)
    request = {"latent_shape": shape, "seed": (1, 2)}
    donor = donor_of(**request)
    got = engine(variant="stale_kv").generate(
        asked(regional(2, 8), prompt=2, donor=donor, record_steps=(8,), **request)
    )
    grid = Engine(wan(), euler()).adapters[0].grid(shape)
    kept = ~over_latent(got.region.mask, grid).expand(shape)
    sigma = got.trajectory.sigmas[8]
    assert torch.equal(got.trajectory.latents[8][kept], donor.latents[sigma][kept])
    assert got.facts.tokens_uncached == 2 * 2 * 10 * 24 * frames


def test_the_experts_switch_inside_srd_records_again():
    two = Engine(
        wan(),
        euler(),
        settings=EngineSettings(variant="stale_kv", mask=MaskSettings(threshold="share")),
        transformer_2=wan(seed=1),
        boundary_ratio=0.8,
    )
    donor = two.generate(asked(fresh(), record_steps=range(11))).trajectory.donor()
    done = []
    got = two.generate(
        asked(regional(2, 8), prompt=2, donor=donor, observer=lambda one: done.append(one))
    )
    switch = next(step for step, sigma in enumerate(got.trajectory.sigmas) if sigma < 0.8)
    assert 2 < switch < 8
    assert [one.kind for one in done if one.number == switch] == ["record"]
    assert got.facts.steps["record"] == 2 + (switch != 6)
    one_store = 2 * 2 * 3 * 48 * 48 * 4
    assert got.facts.keys_values_bytes == one_store


def test_attention_masks_come_from_the_donor_or_from_the_first_full_step():
    groups = torch.zeros(TEXT_TOKENS, 2)
    groups[2, 0] = groups[3, 1] = 1
    made = Engine(wan(), euler()).generate(
        asked(fresh(), record_steps=range(11), map_groups=groups, map_steps=(4, 6))
    )
    assert made.maps.shape == (1, 48, 2)
    bare = made.trajectory.donor()
    mapped = replace(bare, maps=made.maps, map_weights=torch.tensor([1.0, 0.0]))
    run = engine(mask=MaskSettings(threshold="share", source="attention", dilation=0))
    plan = regional(2, 8)
    from_donor = run.generate(asked(plan, prompt=2, donor=mapped))
    highest = made.maps[0, :, 0].topk(5).indices
    assert set(from_donor.region.index.tolist()) & set(highest.tolist())
    own = run.generate(asked(plan, prompt=2, donor=bare, emphasis=emphasis(2)))
    assert 0 < own.facts.active_share <= 0.3
    assert own.maps is None
    both = run.generate(
        asked(
            plan,
            prompt=2,
            donor=bare,
            emphasis=emphasis(2),
            map_groups=emphasis(2).T,
            map_steps=(2,),
        )
    )
    assert torch.equal(both.region.mask, own.region.mask)
    assert both.maps.shape == (1, 48, 1)
    with pytest.raises(EngineError, match="a donor with maps"):
        run.generate(asked(plan, prompt=2, donor=bare))
    torn = replace(mapped, maps=made.maps[:, :40])
    with pytest.raises(EngineError, match=r"\(batch, 48, groups\) and \(groups,\) are needed"):
        run.generate(asked(plan, prompt=2, donor=torn))


def test_amplification_moves_the_region_and_nothing_outside():
    donor = donor_of()
    plan = regional(2, 10, amplification=8.0)
    with_it = engine().generate(asked(plan, prompt=2, donor=donor, emphasis=emphasis(2)))
    without = engine(amplify="off").generate(
        asked(plan, prompt=2, donor=donor, emphasis=emphasis(2))
    )
    append = engine(amplify="append").generate(
        asked(plan, prompt=2, donor=donor, emphasis=emphasis(2))
    )
    assert with_it.facts.amplification == 8
    assert relative(with_it.latents, without.latents) > 1e-3
    assert relative(append.latents, with_it.latents) < 1e-4


def test_amplification_stays_inside_the_region_where_it_is_gated():
    donor, reach = donor_of(), AmplificationSchedule(kind="constant", reach="all")
    request = asked(regional(2, 8, amplification=8.0), prompt=2, donor=donor, emphasis=emphasis(2))
    inside, everywhere = (
        engine(schedule=reach, amplify_where=where).generate(request)
        for where in ("region", "everywhere")
    )
    assert torch.equal(inside.region.mask, everywhere.region.mask)
    assert relative(everywhere.latents, inside.latents) > 1e-4


def test_the_variant_follows_the_memory():
    donor, plan = donor_of(), regional(2, 8)
    rich = engine().generate(asked(plan, prompt=2, donor=donor))
    poor = engine(keys_values_budget_bytes=1000).generate(asked(plan, prompt=2, donor=donor))
    assert (rich.facts.variant, poor.facts.variant) == ("stale_kv", "context")
    assert poor.facts.keys_values_bytes == 0
    assert poor.facts.tokens > rich.facts.tokens
    assert poor.facts.flops != rich.facts.flops


def test_a_compact_donor_does_srd_only_where_the_plan_says_so():
    finished = donor_of().latents[0.0]
    donor = Donor(finished=finished, seed=5)
    with pytest.raises(EngineError, match="may not stand in for a path"):
        engine().generate(asked(regional(2, 8), prompt=2, donor=donor))
    plan = msgspec.structs.replace(regional(2, 10), renoised=True)
    got = engine().generate(asked(plan, prompt=2, donor=donor))
    assert got.facts.donor_form == "renoised"
    kept = outside(got)
    assert torch.equal(got.latents[kept], finished[kept])


@pytest.mark.parametrize("missing", [2, 5, 8])
def test_a_donor_that_lacks_a_step_of_the_window_is_refused(missing):
    donor = donor_of()
    sigma = sorted(donor.latents, reverse=True)[missing]
    holed = Donor(latents={kept: one for kept, one in donor.latents.items() if kept != sigma})
    with pytest.raises(EngineError, match=f"no latent at sigma {sigma:.4f}"):
        engine().generate(asked(regional(2, 8), prompt=2, donor=holed))


def test_a_damaged_step_of_the_window_is_refused():
    donor = donor_of()
    latents = dict(donor.latents)
    sigma = sorted(latents, reverse=True)[5]
    latents[sigma] = latents[sigma].clone().index_fill_(3, torch.tensor([2]), float("nan"))
    with pytest.raises(EngineError, match=f"sigma {sigma:.4f} is damaged"):
        engine().generate(asked(regional(2, 8), prompt=2, donor=Donor(latents=latents)))


def test_equal_requests_give_equal_results():
    donor, plan = donor_of(), regional(2, 8, amplification=4.0)
    request = asked(plan, prompt=2, donor=donor, emphasis=emphasis(2))
    one, two = engine().generate(request), engine().generate(request)
    assert torch.equal(one.latents, two.latents)
    assert one.facts == two.facts


def test_half_precision_models_run_too():
    model = wan(seed=8).to(torch.bfloat16)
    run = Engine(model, euler())
    whole = run.generate(asked(fresh(), record_steps=range(11)))
    resumed = run.generate(asked(resume(4), donor=whole.trajectory.donor()))
    assert torch.equal(resumed.latents, whole.latents)
    got = run.generate(
        asked(
            regional(2, 8, amplification=4.0),
            donor=whole.trajectory.donor(),
            text_states=text(2),
            emphasis=emphasis(2),
        )
    )
    assert got.latents.dtype == torch.float32
    assert got.facts.keys_values_bytes == 2 * 2 * 3 * 48 * 48 * 2
