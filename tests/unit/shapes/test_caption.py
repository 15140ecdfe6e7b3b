import numpy as np
import pytest

from chorus_runtime.shapes import PHRASINGS, Figure, Scene, caption, draw_scene, parse
from chorus_runtime.shapes.tokenizer import LENGTH, VOCABULARY, Tokenizer
from chorus_traces.errors import EngineError


def scenes(count):
    rng = np.random.default_rng(5)
    return [draw_scene(rng) for _ in range(count)]


@pytest.mark.parametrize("phrasing", range(PHRASINGS))
def test_a_caption_is_parsed_back_to_its_scene(phrasing):
    drawn = scenes(300)
    assert {len(scene.figures) for scene in drawn} == {1, 2}
    assert [parse(caption(scene, phrasing)) for scene in drawn] == drawn


def test_the_plain_caption_reads_like_the_readme():
    scene = Scene(
        figures=(
            Figure(colour="red", shape="circle", motion="left"),
            Figure(colour="blue", shape="square"),
        ),
        relation="above",
        background="dark",
    )
    assert caption(scene) == (
        "a red circle moving left above a blue square staying still on a dark background"
    )


def test_phrasings_differ():
    scene = scenes(1)[0]
    assert len({caption(scene, phrasing) for phrasing in range(PHRASINGS)}) == PHRASINGS


def test_a_background_may_be_left_open():
    scene = parse("a red circle moving left")
    assert scene.background == ""
    assert parse(caption(scene)) == scene


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a cat on a sofa", "names no shape"),
        ("a circle moving left", "'circle' has no colour"),
        ("red circle, blue circle and green circle", "one or two figures, not 3"),
        ("small red circle next to a blue circle", "leave their size out"),
    ],
)
def test_a_text_outside_the_world_is_refused(text, message):
    with pytest.raises(EngineError, match=message):
        parse(text)


def test_an_unknown_word_in_a_scene_is_refused_with_the_nearest():
    with pytest.raises(EngineError, match=r"unknown colour 'gren'.*did you mean 'green'"):
        Figure(colour="gren", shape="circle")


def test_every_caption_fits_the_vocabulary_and_the_length():
    tokenizer = Tokenizer()
    unknown = VOCABULARY.index("<unknown>")
    for scene in scenes(200):
        for phrasing in range(PHRASINGS):
            text = caption(scene, phrasing)
            encoded = tokenizer.encode(text)
            assert unknown not in encoded.ids
            assert len(encoded.offsets) < LENGTH


def test_offsets_point_at_the_words_of_the_tokens():
    text = "A Red circle, moving left"
    encoded = Tokenizer().encode(text)
    words = [text[start:stop].lower() for start, stop in encoded.offsets]
    assert words == ["", "a", "red", "circle", "moving", "left"]
    assert [VOCABULARY[i] for i in encoded.ids[1:6]] == words[1:]
    assert not encoded.ids[6:].any()


def test_a_long_text_is_cut_and_an_empty_one_is_the_start_token():
    tokenizer = Tokenizer()
    assert len(tokenizer.encode("word " * 1000).offsets) == LENGTH
    assert tokenizer.encode("").ids.count_nonzero() == 1
