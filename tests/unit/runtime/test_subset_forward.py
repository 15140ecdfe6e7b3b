import pytest
import torch
from diffusers import CogVideoXTransformer3DModel, UNet2DModel, WanTransformer3DModel
from unit.runtime.tiny import SHAPE, ltx, noise, relative, text, wan

from chorus_runtime.adapters import LtxAdapter, TextStates, WanAdapter, adapter_for
from chorus_runtime.attention import AttentionState, Directive, installed
from chorus_runtime.grid import from_tokens, to_tokens
from chorus_traces.errors import EngineError

T = torch.tensor(700.0)
ADAPTERS = [
    pytest.param(lambda: WanAdapter(wan()), id="wan"),
    pytest.param(lambda: WanAdapter(wan(), per_token_timesteps=True), id="wan2.2-ti2v"),
    pytest.param(lambda: LtxAdapter(ltx()), id="ltx"),
]


def stock(adapter, latents, states):
    """The model's own forward, called as its pipeline calls it."""
    grid = adapter.grid(latents.shape)
    if adapter.family == "wan":
        times = T.expand(latents.shape[0])
        if adapter.per_token_timesteps:
            times = T.expand(latents.shape[0], grid.tokens)
        return adapter.model(latents, times, states.states, return_dict=False)[0]
    rows = adapter.model(
        hidden_states=to_tokens(latents, grid),
        encoder_hidden_states=states.states,
        timestep=T.expand(latents.shape[0]),
        encoder_attention_mask=states.valid,
        num_frames=grid.frames,
        height=grid.rows,
        width=grid.columns,
        rope_interpolation_scale=(8 / 25, 32, 32),
        return_dict=False,
    )[0]
    return from_tokens(rows, grid, channels_last=False)


def rows_of(adapter, velocity, index):
    return to_tokens(velocity, adapter.grid(velocity.shape))[:, index]


@pytest.mark.parametrize("make", ADAPTERS)
@pytest.mark.parametrize("shape", [SHAPE, (3, *SHAPE[1:]), (1, 4, 1, 8, 12)])
def test_the_full_forward_and_all_tokens_equal_the_stock_forward(make, shape):
    adapter, latents, states = make(), noise(0, shape), text(1, shape[0])
    expected = stock(adapter, latents, states)
    index = torch.arange(adapter.grid(shape).tokens)
    assert torch.equal(adapter.full(latents, T, states), expected)
    subset = adapter.subset(latents, T, states, index)
    assert (subset - expected).abs().max() < 1e-5
    passage = adapter.passage(latents, T, states)
    assert torch.equal(passage.output(passage.blocks()), expected)


@pytest.mark.parametrize("make", ADAPTERS)
def test_the_order_of_the_tokens_does_not_matter(make):
    adapter, latents, states = make(), noise(0), text(1)
    order = torch.randperm(adapter.grid(SHAPE).tokens, generator=torch.Generator().manual_seed(0))
    expected = adapter.full(latents, T, states)
    assert (adapter.subset(latents, T, states, order) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("make", ADAPTERS)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_exact_keys_and_values_give_the_rows_of_the_full_forward(make, share):
    adapter, latents, states = make(), noise(0, (2, *SHAPE[1:])), text(1, 2)
    tokens = adapter.grid(SHAPE).tokens
    index = torch.randperm(tokens, generator=torch.Generator().manual_seed(3))
    index = index[: int(share * tokens)].sort().values
    state = AttentionState()
    with installed(adapter.processors(state), state):
        with state.directed(Directive(keys_values="record")):
            expected = adapter.full(latents, T, states)
        assert torch.equal(expected, stock(adapter, latents, states))
        with state.directed(Directive(keys_values="reuse", index=index)):
            got = adapter.subset(latents, T, states, index)
        wanted = rows_of(adapter, expected, index)
        assert (rows_of(adapter, got, index) - wanted).abs().max() < 1e-5

        for key, value in state._stored.values():
            key.mul_(-1), value.mul_(-1)
        with state.directed(Directive(keys_values="reuse", index=index)):
            corrupted = adapter.subset(latents, T, states, index)
    isolated = adapter.subset(latents, T, states, index)
    assert relative(rows_of(adapter, corrupted, index), wanted) > 1e-2
    assert relative(rows_of(adapter, isolated, index), wanted) > 1e-3


@pytest.mark.parametrize("family", ["wan", "ltx"])
def test_the_computed_tokens_overwrite_what_was_kept_of_them(family):
    """In one layer the keys of the other tokens do not depend on the changed ones."""
    adapter = WanAdapter(wan(layers=1)) if family == "wan" else LtxAdapter(ltx(layers=1))
    before, states, state = noise(0), text(1), AttentionState()
    after = before.clone()
    after[..., :4, :4] = noise(7)[..., :4, :4]
    differing = to_tokens(after != before, adapter.grid(SHAPE)).any(-1)[0]
    index = differing.nonzero()[:, 0]
    expected = rows_of(adapter, adapter.full(after, T, states), index)
    with installed(adapter.processors(state), state):
        with state.directed(Directive(keys_values="record")):
            adapter.full(before, T, states)
        with state.directed(Directive(keys_values="reuse", index=index)):
            got = rows_of(adapter, adapter.subset(after, T, states, index), index)
    assert (got - expected).abs().max() < 1e-5


@pytest.mark.parametrize("make", ADAPTERS)
def test_a_subset_is_zero_outside_its_tokens(make):
    adapter, latents = make(), noise(0)
    index = torch.tensor([1, 5, 6])
    velocity = adapter.subset(latents, T, text(1), index)
    rows = to_tokens(velocity, adapter.grid(SHAPE))
    outside = torch.ones(rows.shape[1], dtype=torch.bool)
    outside[index] = False
    assert (rows[:, outside] == 0).all()
    assert (rows[:, index] != 0).any()


def test_ltx_does_not_attend_to_padding():
    adapter, latents, states = LtxAdapter(ltx()), noise(0), text(1)
    valid = states.valid.clone()
    valid[:, -3:] = 0
    padded = TextStates(states=states.states, valid=valid)
    other = states.states.clone()
    other[:, -3:] += 7
    changed = TextStates(states=other, valid=valid)
    index = torch.arange(0, 40)
    for forward in (
        lambda words: adapter.full(latents, T, words),
        lambda words: adapter.subset(latents, T, words, index),
        lambda words: adapter.passage(latents, T, words).blocks(),
    ):
        assert torch.equal(forward(padded), forward(changed))
        assert not torch.equal(forward(padded), forward(states))


def test_a_joint_attention_model_is_refused_by_name():
    with torch.device("meta"):
        model = CogVideoXTransformer3DModel(num_layers=1, num_attention_heads=2)
    with pytest.raises(
        EngineError, match=r"CogVideoXTransformer3DModel is a joint-attention.*MMDiT"
    ):
        adapter_for(model)


def test_any_other_model_is_refused_with_what_is_supported():
    with torch.device("meta"):
        model = UNet2DModel()
    with pytest.raises(EngineError, match=r"UNet2DModel is not supported; WanTransformer3DModel"):
        adapter_for(model)


def test_an_image_conditioned_wan_is_refused():
    with torch.device("meta"):
        model = WanTransformer3DModel(num_layers=1, image_dim=8, added_kv_proj_dim=8)
    with pytest.raises(EngineError, match="conditioned on an image"):
        adapter_for(model)


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        ((4, 2, 8, 12), "5 dimensions"),
        ((1, 4, 2, 7, 12), "multiples of the patch"),
        ((1, 3, 2, 8, 12), "4 channels"),
        ((1, 4, 65, 8, 12), "at most 64 tokens"),
    ],
)
def test_a_latent_the_model_cannot_take_is_refused(shape, needed):
    with pytest.raises(EngineError, match=needed):
        WanAdapter(wan()).grid(shape)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_wan_loaded_in_half_precision_keeps_its_float32_parts(tmp_path, share):
    wan().save_pretrained(tmp_path)
    model = WanTransformer3DModel.from_pretrained(tmp_path, torch_dtype=torch.bfloat16).eval()
    assert {part.dtype for part in model.parameters()} == {torch.bfloat16, torch.float32}
    adapter, state, latents, states = WanAdapter(model), AttentionState(), noise(0), text(1)
    index = torch.arange(round(share * 48))
    with installed(adapter.processors(state), state):
        with state.directed(Directive(keys_values="record")):
            expected = adapter.full(latents, T, states)
        with state.directed(Directive(keys_values="reuse", index=index)):
            got = adapter.subset(latents, T, states, index)
    plain = model(latents.bfloat16(), T.expand(1), states.states.bfloat16(), return_dict=False)[0]
    assert torch.equal(expected, plain)
    wanted = rows_of(adapter, plain, index)
    assert relative(rows_of(adapter, got, index).float(), wanted.float()) < 0.02
