"""What must not happen: reuse among unrelated prompts, and a cyclic scan that LRU survives."""

import msgspec
import numpy as np
import pytest

from chorus_policies.journal import Journal
from chorus_sim.experiment import prepare
from chorus_sim.runs import run_clairvoyant, run_policy
from chorus_sim.scenario import CacheSection, FleetSection, Scenario
from chorus_traces.embedding import embed_trace
from chorus_traces.request import Request
from chorus_traces.trace import Trace

UNRELATED = """
a lighthouse in a storm at night
macro shot of a bee drinking from a purple flower
two chefs arguing over a burnt lasagna
subway train arriving at an empty platform
an old man repairs a violin by candlelight
drone flight over terraced rice fields
a goldfish in a plastic bag at a fair
children building a snowman in a car park
time lapse of mould growing on bread
an astronaut floats past a broken antenna
a ballet rehearsal in a mirrored hall
lava pouring into the sea
a dog surfing a small wave
a blacksmith quenching a glowing blade
rain on a tin roof seen from a hammock
a tortoise crossing a desert road
confetti falling in an empty stadium
hands kneading dough on a marble counter
a steam locomotive leaving a tunnel
jellyfish drifting in an aquarium
a tailor measuring a nervous groom
wind turbines in thick fog
a cat watching a washing machine spin
a monk sweeping leaves from temple stairs
""".strip().splitlines()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("CHORUS_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("policy", ["lru", "adaptive", "vllm-omni"])
def test_unrelated_prompts_are_never_reused(kept, policy):
    requests = tuple(
        Request(id=str(place), arrival_s=1000.0 * place, prompt=prompt)
        for place, prompt in enumerate(UNRELATED)
    )
    trace = embed_trace(Trace(name="unrelated", requests=requests))
    scenario = Scenario(policy=policy, profile="wan2.1-1.3b-480p-50step-h200")
    run = run_policy(prepare(scenario, trace), Journal())
    assert set(run.served.kinds()) == {"fresh"}
    repeated = msgspec.structs.replace(requests[0], id="again", arrival_s=1e6)
    again = embed_trace(Trace(name="one repeated", requests=(*requests, repeated)))
    run = run_policy(prepare(scenario, again), Journal())
    assert run.served.kinds().count("fresh") == len(UNRELATED)


def test_a_cyclic_scan_one_longer_than_the_cache_gives_lru_nothing(kept):
    ideas, rounds, held = 9, 20, 8
    vectors = np.eye(ideas, dtype=np.float32)[np.tile(np.arange(ideas), rounds)]
    requests = tuple(
        Request(id=str(place), arrival_s=1000.0 * place, prompt=f"idea {place % ideas}")
        for place in range(ideas * rounds)
    )
    trace = Trace(name="cycle", requests=requests).with_embeddings(vectors, "one-hot")
    entry_mib = 36 * 3.9990234375 - 3.9990234375 * 3 + 2.4  # 33 latents, the clip, and a little
    scenario = Scenario(
        policy="lru",
        profile="wan2.1-1.3b-480p-50step-h200",
        fleet=FleetSection(gpus=1),
        cache=CacheSection(capacity=f"{held * entry_mib + 0.5 * entry_mib:.0f}MiB"),
    )
    prepared = prepare(scenario, trace)
    lru = run_policy(prepared, Journal())
    assert lru.served.kinds().count("fresh") == len(requests)
    assert lru.evictions > 150
    clairvoyant = run_clairvoyant(prepared)
    assert clairvoyant.served.kinds().count("fresh") < 0.4 * len(requests)
