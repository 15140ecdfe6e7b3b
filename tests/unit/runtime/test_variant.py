import pytest
import torch

from chorus_policies.costs.flops import TRANSFORMERS
from chorus_runtime.variant import choose_variant, keys_values_bytes, step_flops, with_context
from chorus_traces.errors import EngineError

SMALL = TRANSFORMERS["wan2.1-1.3b"]


def test_a_context_is_every_nth_of_the_other_tokens_and_no_token_comes_twice():
    index = torch.tensor([2, 3, 4, 9])
    got = with_context(index, 12, 3)
    assert got.tolist() == [0, 2, 3, 4, 6, 9, 10]
    assert with_context(index, 12, 1).tolist() == list(range(12))
    assert with_context(torch.arange(12), 12, 3).tolist() == list(range(12))


def test_a_context_of_no_tokens_is_refused():
    with pytest.raises(EngineError, match="at least 1 is needed"):
        with_context(torch.tensor([0]), 12, 0)


def test_keys_and_values_of_wan_at_480p_take_six_gigabytes_a_branch():
    needed = keys_values_bytes(SMALL, 32760, 1, 2)
    assert needed == pytest.approx(6.04e9, rel=0.01)
    assert choose_variant(2 * needed, 2 * needed) == "stale_kv"
    assert choose_variant(2 * needed, 2 * needed - 1) == "context"


def test_stale_keys_cost_the_active_share_and_isolation_less():
    tokens = 32760
    full = step_flops(SMALL, tokens, tokens, "stale_kv")
    quarter = tokens // 4
    assert step_flops(SMALL, tokens, quarter, "stale_kv") / full == pytest.approx(0.25, abs=2e-3)
    assert step_flops(SMALL, tokens, quarter, "isolated") / full == pytest.approx(0.119, abs=2e-3)
