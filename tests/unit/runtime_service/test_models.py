import numpy as np
import pytest
import torch

from chorus_runtime.models import ShapesVideo
from chorus_runtime.models.digest import lora_state, weights_digest
from chorus_runtime.profile.random_shapes import random_shapes
from chorus_runtime.prompt_vector import HashedWords, MiniLm
from chorus_runtime.service import Chorus
from chorus_runtime.settings import EngineSettings
from chorus_runtime.shapes import ModelConfig, Sampling, build_model, sample
from chorus_traces.embedding import embed_trace
from chorus_traces.request import Request
from chorus_traces.trace import Trace


@pytest.mark.parametrize("sampling", [Sampling(steps=6), Sampling(steps=4, guidance=1.0, shift=3)])
def test_the_served_shapes_model_makes_the_clips_of_its_own_sampler(sampling):
    random = random_shapes("shapes", "cpu")
    model = build_model(ModelConfig(width=32, layers=1, heads=2, text_layers=1), sampling=sampling)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters().values():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    assert random.name == "shapes"
    prompt = "a red circle moving left"
    expected = sample(model, [prompt], [5])
    served = ShapesVideo(model, "shapes", EngineSettings(guidance_passes="batched"))
    with Chorus(served, embedder=HashedWords(), cache="1GiB") as chorus:
        request = Request(id="q", arrival_s=0.0, prompt=prompt, seed=5)
        got = chorus.generate(request).frames
    assert np.abs(got - expected.numpy()).max() < 1e-4


def test_prompts_get_the_vectors_the_simulator_gives_them(tmp_path):
    prompts = ["a red circle moving left", "snow-covered peaks, at dawn", "word " * 400]
    requests = tuple(
        Request(id=str(place), arrival_s=float(place), prompt=prompt)
        for place, prompt in enumerate(prompts)
    )
    trace = embed_trace(Trace(name="t", requests=requests), cache_dir=tmp_path)
    embedder = MiniLm()
    for place, prompt in enumerate(prompts):
        vector = embedder.embed(prompt)
        assert vector.shape == (384,)
        assert np.abs(vector - trace.embeddings[place]).max() < 1e-5


def test_hashed_words_measure_words_in_common():
    embed = HashedWords().embed
    red = embed("a red circle moving left")
    assert abs(float(np.linalg.norm(red)) - 1) < 1e-6
    assert float(red @ embed("left moving circle, red a")) > 0.999
    assert 0.7 < float(red @ embed("a blue circle moving left")) < 0.9
    assert abs(float(red @ embed("two dogs sleep"))) < 0.3
    assert embed("").shape == (256,)


def test_a_digest_sees_names_shapes_and_values():
    def model(value, width=4):
        made = torch.nn.Linear(width, 2)
        torch.nn.init.constant_(made.weight, value)
        torch.nn.init.zeros_(made.bias)
        return made

    same = weights_digest(model(1.0))
    assert weights_digest(model(1.0)) == same
    others = [weights_digest(model(1.5)), weights_digest(model(1.0, 5)), weights_digest(None)]
    assert len({same, *others}) == 4
    assert lora_state(model(1.0), None) == "none"
