import numpy as np
import pytest

from chorus_policies.policy import load_policy
from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.shapes.caption import parse
from chorus_runtime.shapes.from_trace import shapes_trace
from chorus_runtime.shapes.reuse_kept import reuse_kept
from chorus_traces.errors import EngineError
from chorus_traces.request import Request
from chorus_traces.trace import Trace

PROMPTS = (
    "an oil painting of a lighthouse in a storm",
    "an oil painting of a lighthouse in a storm, dramatic sky",
    "macro photograph of honeybees gathering pollen",
    "an oil painting of a lighthouse in a storm",
    "macro photograph of honeybees gathering nectar",
    "",
)


@pytest.fixture(scope="module")
def pair():
    embedder = HashedWords()
    requests = tuple(
        Request(
            id=f"r{place}", arrival_s=2.0 * place, prompt=prompt, user="u", seed=place, steps=50,
            negative_prompt="blurry", guidance=5.0, model="wan",
        )
        for place, prompt in enumerate(PROMPTS)
    )  # fmt: skip
    trace = Trace(name="t", requests=requests)
    trace = trace.with_embeddings(np.stack([embedder.embed(p) for p in PROMPTS]), "hashed")
    return trace, shapes_trace(trace, embedder)


def test_every_prompt_becomes_a_caption_the_model_reads(pair):
    trace, mapped = pair
    scenes = [parse(one.prompt) for one in mapped.requests]
    assert len(scenes) == len(PROMPTS)
    for one, other in zip(trace.requests, mapped.requests, strict=True):
        assert (one.id, one.arrival_s, one.user, one.seed) == (
            other.id, other.arrival_s, other.user, other.seed,
        )  # fmt: skip
        assert other.extra["original_prompt"] == one.prompt
        assert other.steps is other.model is other.guidance is other.negative_prompt is None


def test_equal_prompts_stay_equal_and_edits_become_edits(pair):
    prompts = [one.prompt for one in pair[1].requests]
    assert prompts[3] == prompts[0]
    assert prompts[1] != prompts[0]
    tag = prompts[0].rpartition(", ")[2]
    assert prompts[1].endswith(tag)
    assert prompts[4].rpartition(", ")[2] == prompts[2].rpartition(", ")[2]
    assert not prompts[2].endswith(tag)


def test_unrelated_prompts_are_less_alike_than_edits(pair):
    vectors = pair[1].embeddings
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_the_mapping_is_the_same_every_time(pair):
    again = shapes_trace(pair[0], HashedWords())
    assert again.requests == pair[1].requests


def test_the_reuse_of_both_is_counted_by_kind(pair):
    kept = reuse_kept(*pair, load_policy("chorus"), 4)
    assert sum(kept.before.values()) == sum(kept.after.values()) == len(PROMPTS)
    assert kept.before["regional"] >= 2
    assert kept.same >= 0.5


def test_a_trace_without_embeddings_is_refused(pair):
    bare = Trace(name="bare", requests=pair[0].requests)
    with pytest.raises(EngineError, match="no embeddings"):
        shapes_trace(bare, HashedWords())
