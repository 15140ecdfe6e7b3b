import pytest
import torch
from unit.runtime.tiny import SHAPE, asked, euler, fresh, ltx, noise, regional, text, wan

from chorus_runtime.adapters import LtxAdapter, WanAdapter
from chorus_runtime.attention import AttentionState, Directive, installed
from chorus_runtime.engine import Engine
from chorus_traces.errors import EngineError

T = torch.tensor(500.0)
ADAPTERS = [
    pytest.param(lambda: WanAdapter(wan()), id="wan"),
    pytest.param(lambda: LtxAdapter(ltx()), id="ltx"),
]


@pytest.mark.parametrize("make", ADAPTERS)
def test_idle_processors_are_bitwise_stock(make):
    adapter, state = make(), AttentionState()
    latents, states = noise(0), text(1)
    expected = adapter.full(latents, T, states)
    with installed(adapter.processors(state), state):
        assert torch.equal(adapter.full(latents, T, states), expected)


@pytest.mark.parametrize("make", ADAPTERS)
def test_the_very_processors_of_before_are_back_after_an_exception(make):
    adapter, state = make(), AttentionState()
    latents, states = noise(0), text(1)
    expected = adapter.full(latents, T, states)
    before = dict(adapter.model.attn_processors)

    def fail_inside():
        with installed(adapter.processors(state), state):
            assert set(map(id, adapter.model.attn_processors.values())).isdisjoint(
                map(id, before.values())
            )
            with state.directed(Directive(keys_values="record")):
                adapter.full(latents, T, states)
                raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        fail_inside()
    after = adapter.model.attn_processors
    assert all(after[name] is before[name] for name in before)
    assert state.stored_bytes == 0
    assert torch.equal(adapter.full(latents, T, states), expected)


def test_an_observer_that_raises_leaves_the_model_stock():
    engine = Engine(wan(), euler())
    donor = engine.generate(asked(fresh(), record_steps=range(11))).trajectory.donor()
    before = dict(wan().attn_processors)

    def cancel(done):
        if done.kind == "region":
            raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError, match="cancelled"):
        engine.generate(asked(regional(2, 8), donor=donor, observer=cancel))
    assert all(wan().attn_processors[name] is before[name] for name in before)
    again = engine.generate(asked(fresh()))
    assert torch.equal(again.latents, donor.latents[0.0])


@pytest.mark.parametrize("make", ADAPTERS)
def test_reuse_without_a_record_is_an_error(make):
    adapter, state = make(), AttentionState()
    index = torch.tensor([0, 1])
    with (
        installed(adapter.processors(state), state),
        state.directed(Directive(keys_values="reuse", index=index)),
        pytest.raises(EngineError, match="no keys and values were recorded"),
    ):
        adapter.subset(noise(0), T, text(1), index)


def test_keys_and_values_of_another_batch_are_an_error():
    adapter, state = WanAdapter(wan()), AttentionState()
    index = torch.tensor([0, 1])
    with installed(adapter.processors(state), state):
        with state.directed(Directive(keys_values="record")):
            adapter.full(noise(0), T, text(1))
        with (
            state.directed(Directive(keys_values="reuse", index=index)),
            pytest.raises(EngineError, match="is needed by those recorded"),
        ):
            adapter.subset(noise(0, (2, *SHAPE[1:])), T, text(1, 2), index)


def test_a_processor_of_another_kind_is_not_replaced():
    class Other(type(wan().blocks[0].attn1.get_processor())):
        pass

    attention = wan().blocks[0].attn1
    before = attention.get_processor()
    attention.set_processor(Other())
    try:
        with pytest.raises(EngineError, match="carries Other; WanAttnProcessor is needed"):
            WanAdapter(wan()).processors(AttentionState())
    finally:
        attention.set_processor(before)


def test_smaller_storage_halves_the_bytes_and_stays_close():
    adapter, index = WanAdapter(wan()), torch.arange(0, 12)
    latents, states = noise(0), text(1)
    bytes_of, errors = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        state = AttentionState(dtype)
        with installed(adapter.processors(state), state):
            with state.directed(Directive(keys_values="record")):
                expected = adapter.full(latents, T, states)
            bytes_of[dtype] = state.stored_bytes
            with state.directed(Directive(keys_values="reuse", index=index)):
                got = adapter.subset(latents, T, states, index)
        inside = got != 0
        errors[dtype] = float((got - expected)[inside].abs().max())
    assert bytes_of[torch.bfloat16] * 2 == bytes_of[torch.float32]
    assert errors[torch.float32] < 1e-5 < errors[torch.bfloat16] < 0.1


def test_fused_projections_give_the_same_numbers():
    model = wan(seed=4)
    adapter, state, index = WanAdapter(model), AttentionState(), torch.arange(0, 12)
    latents, states = noise(0), text(1)
    expected = adapter.full(latents, T, states)
    model.fuse_qkv_projections()
    try:
        with installed(adapter.processors(state), state):
            with state.directed(Directive(keys_values="record")):
                fused = adapter.full(latents, T, states)
            with state.directed(Directive(keys_values="reuse", index=index)):
                got = adapter.subset(latents, T, states, index)
    finally:
        model.unfuse_qkv_projections()
    assert (fused - expected).abs().max() < 1e-5
    assert (got - expected)[got != 0].abs().max() < 1e-5
