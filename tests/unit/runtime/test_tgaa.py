import math
from dataclasses import replace

import pytest
import torch
from unit.runtime.tiny import (
    TEXT_TOKENS,
    asked,
    emphasis,
    euler,
    fresh,
    ltx,
    noise,
    regional,
    relative,
    resume,
    text,
    wan,
)

from chorus_runtime.adapters import LtxAdapter, TextStates, WanAdapter
from chorus_runtime.alignment import AmplificationSchedule
from chorus_runtime.attention import AttentionState, Capture, Directive, TokenBias, installed
from chorus_runtime.attention.amplified import amplified_attention
from chorus_runtime.engine import Engine
from chorus_runtime.masks import MaskSettings
from chorus_runtime.settings import EngineSettings
from chorus_traces.errors import EngineError

T = torch.tensor(500.0)
ADAPTERS = [
    pytest.param(lambda: WanAdapter(wan()), id="wan"),
    pytest.param(lambda: LtxAdapter(ltx()), id="ltx"),
]


def factors(**of_token: float) -> torch.Tensor:
    values = torch.ones(1, TEXT_TOKENS)
    for name, factor in of_token.items():
        values[0, int(name.removeprefix("t"))] = factor
    return values


def amplified(adapter, states, factor, implementation, rows=None, index=None):
    state = AttentionState()
    bias = TokenBias(log_factor=factor.log(), rows=rows, implementation=implementation)
    with (
        installed(adapter.processors(state), state),
        state.directed(Directive(bias=bias, index=index)),
    ):
        if index is None:
            return adapter.full(noise(0), T, states)
        return adapter.subset(noise(0), T, states, index)


@pytest.mark.parametrize("make", ADAPTERS)
def test_mask_append_and_duplicated_tokens_agree(make):
    adapter, states = make(), text(1)
    factor = factors(t2=3.0, t5=2.0)
    again = [2, 2, 5]
    duplicated = TextStates(
        states=torch.cat([states.states, states.states[:, again]], dim=1),
        valid=torch.cat([states.valid, states.valid[:, again]], dim=1),
    )
    expected = adapter.full(noise(0), T, duplicated)
    mask = amplified(adapter, states, factor, "mask")
    append = amplified(adapter, states, factor, "append")
    assert (mask - expected).abs().max() < 1e-5
    assert (append - expected).abs().max() < 1e-5
    assert relative(adapter.full(noise(0), T, states), expected) > 1e-3


@pytest.mark.parametrize("make", ADAPTERS)
@pytest.mark.parametrize("implementation", ["mask", "append"])
def test_a_factor_of_one_changes_nothing(make, implementation):
    adapter, states = make(), text(1)
    got = amplified(adapter, states, factors(), implementation)
    assert (got - adapter.full(noise(0), T, states)).abs().max() < 1e-5


def test_ltx_padding_stays_padding_under_both_implementations():
    adapter, states = LtxAdapter(ltx()), text(1)
    valid = states.valid.clone()
    valid[:, -3:] = 0
    padded = TextStates(states=states.states, valid=valid)
    mask = amplified(adapter, padded, factors(t2=4.0), "mask")
    append = amplified(adapter, padded, factors(t2=4.0), "append")
    assert (mask - append).abs().max() < 1e-5
    assert relative(mask, amplified(adapter, states, factors(t2=4.0), "mask")) > 1e-3


@pytest.mark.parametrize("implementation", ["mask", "append"])
def test_rows_confine_the_amplification(implementation):
    """In a model of one layer a token's output depends on its own cross-attention alone."""
    adapter, states = WanAdapter(wan(layers=1)), text(1)
    plain = adapter.full(noise(0), T, states)
    everywhere = amplified(adapter, states, factors(t2=8.0), implementation)
    rows = torch.zeros(48)
    rows[:24] = 1  # the first frame
    gated = amplified(adapter, states, factors(t2=8.0), implementation, rows)
    assert (gated[:, :, 0] - everywhere[:, :, 0]).abs().max() < 1e-5
    assert (gated[:, :, 1] - plain[:, :, 1]).abs().max() < 1e-5
    assert relative(everywhere[:, :, 1], plain[:, :, 1]) > 1e-4


@pytest.mark.parametrize("make", ADAPTERS)
def test_the_implementations_agree_inside_a_subset_forward(make):
    adapter, states, index = make(), text(1), torch.arange(0, 30, 2)
    rows = torch.linspace(0, 1, 15)
    mask = amplified(adapter, states, factors(t2=8.0), "mask", rows, index)
    append = amplified(adapter, states, factors(t2=8.0), "append", rows, index)
    assert (mask - append).abs().max() < 1e-5


@pytest.mark.parametrize("implementation", ["mask", "append"])
def test_captured_maps_are_the_softmax_and_leave_the_output_alone(implementation):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 20, 3, 16, generator=generator)
    key, value = torch.randn(2, 2, TEXT_TOKENS, 3, 16, generator=generator).unbind(0)
    log_factor = factors(t1=5.0).log()
    rows = torch.rand(20, generator=generator)
    groups = torch.zeros(TEXT_TOKENS, 2)
    groups[[1, 2], 0] = 1
    groups[7, 1] = 1
    shared = {
        "log_factor": log_factor,
        "rows": rows,
        "mask": None,
        "implementation": implementation,
        "backend": None,
    }
    out, maps = amplified_attention(query, key, value, groups=groups, **shared)
    alone, _ = amplified_attention(query, key, value, groups=None, **shared)
    logits = torch.einsum("bnhc,bshc->bnhs", query, key) / math.sqrt(16)
    logits = logits + log_factor[:, None, None] * rows[None, :, None, None]
    expected = logits.softmax(-1) @ groups
    assert (maps - expected).abs().max() < 1e-6
    assert (out - alone).abs().max() < 1e-6


@pytest.mark.parametrize("make", ADAPTERS)
def test_a_capture_takes_the_layers_named_and_changes_no_output(make):
    adapter, states, state = make(), text(1), AttentionState()
    capture = Capture(groups=torch.eye(TEXT_TOKENS), layers=frozenset({1, 2}))
    with installed(adapter.processors(state), state):
        with state.directed(Directive(capture=capture)):
            out = adapter.full(noise(0), T, states)
        maps = state.take_map()
        with pytest.raises(EngineError, match="no attention map was captured"):
            state.take_map()
    assert maps.shape == (1, adapter.grid(noise(0).shape).tokens, TEXT_TOKENS)
    assert (maps.sum(-1) - 1).abs().max() < 1e-5
    assert maps.std() > 0.01
    assert (out - adapter.full(noise(0), T, states)).abs().max() < 1e-5


def test_the_negative_branch_is_not_amplified_one_by_one_or_batched():
    donor_run = Engine(wan(), euler()).generate(asked(fresh(), record_steps=range(11)))
    donor = donor_run.trajectory.donor()
    plan = regional(2, 8, amplification=4.0)
    results = [
        Engine(
            wan(),
            euler(),
            settings=EngineSettings(guidance_passes=passes, mask=MaskSettings(threshold="share")),
        ).generate(asked(plan, prompt=2, donor=donor, emphasis=emphasis(2)))
        for passes in ("two", "batched")
    ]
    assert torch.equal(results[0].region.mask, results[1].region.mask)
    assert relative(results[1].latents, results[0].latents) < 1e-5
    assert results[0].facts.tokens == results[1].facts.tokens


def test_off_and_a_factor_of_one_are_bitwise_stock():
    engine = Engine(wan(), euler())
    plain = engine.generate(asked(fresh()))
    one = engine.generate(asked(fresh(), emphasis=emphasis(2), amplification=1.0))
    nothing = engine.generate(asked(fresh(), emphasis=emphasis(), amplification=4.0))
    off = Engine(wan(), euler(), settings=EngineSettings(amplify="off"))
    switched = off.generate(asked(fresh(), emphasis=emphasis(2), amplification=4.0))
    for other in (one, nothing, switched):
        assert torch.equal(other.latents, plain.latents)
        assert other.facts.amplification == 1
    four = engine.generate(asked(fresh(), emphasis=emphasis(2), amplification=4.0))
    assert relative(four.latents, plain.latents) > 1e-3
    assert four.facts.amplification == 4


def test_amplification_without_emphasis_is_an_error():
    engine = Engine(wan(), euler())
    donor = engine.generate(asked(fresh(), record_steps=range(11))).trajectory.donor()
    with pytest.raises(EngineError, match="no emphasis says of which tokens"):
        engine.generate(asked(regional(2, 8, amplification=4.0), donor=donor))


def test_a_schedule_that_stops_early_leaves_later_steps_alone():
    engine = Engine(wan(), euler())
    run = engine.generate(asked(fresh(), record_steps=range(11)))
    donor = run.trajectory.donor()
    request = asked(resume(4), donor=donor, emphasis=emphasis(2), amplification=8.0)
    first = AmplificationSchedule(kind="first", steps=2)
    settings = EngineSettings(schedule=first)
    short = Engine(wan(), euler(), settings=settings).generate(
        replace(request, record_steps=range(11))
    )
    plain = engine.generate(
        asked(
            resume(6),
            donor=type(donor)(latents={short.trajectory.sigmas[6]: short.trajectory.latents[6]}),
        )
    )
    assert torch.equal(short.latents, plain.latents)
    assert not torch.equal(short.latents, engine.generate(request).latents)
