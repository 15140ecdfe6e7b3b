"""The FLOP formula against torch's counter, at full size on the meta device: no weights needed.

The formula leaves out the embedding of the timestep, 3e-6 of the smallest forward here.
"""

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from chorus_policies.costs.flops import TRANSFORMERS, forward_flops, latent_shape, token_count
from chorus_runtime.adapters import TextStates, WanAdapter
from chorus_runtime.attention import AttentionState, Directive, installed
from chorus_runtime.variant import step_flops

HEADS = {"wan2.1-1.3b": 12, "wan2.1-14b": 40}


@pytest.fixture(params=sorted(HEADS))
def named(request):
    sizes = TRANSFORMERS[request.param]
    with torch.device("meta"):
        model = WanTransformer3DModel(
            num_attention_heads=HEADS[request.param],
            attention_head_dim=sizes.width // HEADS[request.param],
            ffn_dim=sizes.feed_forward,
            num_layers=sizes.layers,
        )
    return WanAdapter(model), sizes


def counted(forward) -> int:
    with FlopCounterMode(display=False) as counter:
        forward()
    return counter.get_total_flops()


def test_the_formula_equals_the_counter_for_full_and_subset_forwards(named):
    adapter, sizes = named
    assert adapter.sizes() == sizes
    latents = torch.empty(1, 16, *latent_shape(sizes, 480, 832, 81), device="meta")
    tokens = token_count(sizes, 480, 832, 81)
    assert adapter.grid(latents.shape).tokens == tokens == 32760
    text = TextStates.of(torch.empty(1, 512, 4096, device="meta"))
    time = torch.empty((), device="meta")
    state = AttentionState()
    full = sum(forward_flops(sizes, tokens, tokens))
    assert counted(lambda: adapter.full(latents, time, text)) == pytest.approx(full, rel=1e-6)
    with installed(adapter.processors(state), state):
        with state.directed(Directive(keys_values="record")):
            recorded = counted(lambda: adapter.full(latents, time, text))
        assert recorded == pytest.approx(full, rel=1e-5)
        for share in (0.10, 0.50):
            index = torch.empty(round(share * tokens), dtype=torch.long, device="meta")
            computed = index.numel()

            def subset(index=index):
                return adapter.subset(latents, time, text, index)

            isolated = counted(subset)
            expected = step_flops(sizes, tokens, computed, "isolated")
            assert isolated == pytest.approx(expected, rel=1e-5)
            with state.directed(Directive(keys_values="reuse", index=index)):
                stale = counted(subset)
            expected = step_flops(sizes, tokens, computed, "stale_kv")
            assert stale == pytest.approx(expected, rel=1e-5)
            assert stale / full == pytest.approx(share, abs=0.002)
