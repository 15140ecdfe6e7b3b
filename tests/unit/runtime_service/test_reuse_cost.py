import pytest
from unit.runtime_service.tiny_pipes import asked

from chorus_runtime.reuse_cost import ReuseCost

RED, BLUE, GREEN = (f"a {colour} circle moving left" for colour in ("red", "blue", "green"))


def test_medians_are_what_one_lookup_and_one_latent_took():
    cost = ReuseCost()
    assert (cost.overhead_s, cost.load_latent_s("shape")) == (0.0, 0.0)
    for seconds in (0.1, 0.3, 9.0):
        cost.looked_up(seconds)
        cost.loaded("shape", 4 * seconds, 4)
    cost.loaded("shape", 5.0, 0)
    assert cost.overhead_s == 0.3
    assert cost.load_latent_s("shape") == pytest.approx(0.3)
    assert cost.load_latent_s("another") == 0.0


def test_a_service_tells_the_policy_what_reuse_cost_so_far(serve):
    chorus = serve()
    took = [chorus.generate(asked(prompt)).provenance.seconds for prompt in (RED, BLUE, GREEN)]
    queries = [call.query for call in chorus.calls if call.name == "lookup"]
    assert queries[0].overhead_s == 0
    assert queries[1].overhead_s == took[0]["lookup"] > 0
    assert queries[1].load_latent_s == 0
    assert 0 < queries[2].load_latent_s < took[1]["load"]
