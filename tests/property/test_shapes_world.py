import contextlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chorus_runtime.shapes import (
    EDITS,
    PHRASINGS,
    Tokenizer,
    caption,
    compare,
    difference,
    draw_scene,
    edit,
    parse,
    read_video,
    render,
    scene_of_text,
)
from chorus_traces.errors import EngineError

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, phrasing=st.integers(0, PHRASINGS - 1))
def test_every_caption_is_parsed_back(seed, phrasing):
    scene = draw_scene(np.random.default_rng(seed))
    assert parse(caption(scene, phrasing)) == scene


@given(seed=SEEDS, kind=st.sampled_from(EDITS))
def test_every_edit_changes_one_attribute(seed, kind):
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, sized=0.0)
    assert difference(scene, edit(scene, kind, rng)) == {kind}


@given(text=st.text(max_size=300))
def test_every_text_has_a_scene_and_only_one(text):
    assert scene_of_text(text) == scene_of_text(text)
    assert parse(caption(scene_of_text(text))) == scene_of_text(text)


@given(text=st.text(max_size=300))
def test_every_text_is_parsed_or_refused_and_has_tokens(text):
    with contextlib.suppress(EngineError):
        assert len(parse(text).figures) in (1, 2)
    assert Tokenizer().encode(text).ids[0] == 1


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_the_checker_reads_every_render(seed):
    scene = draw_scene(np.random.default_rng(seed))
    assert compare(scene, read_video(render(scene, seed).frames))["all"]
