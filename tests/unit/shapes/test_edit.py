import numpy as np
import pytest

from chorus_runtime.shapes import EDITS, Figure, Scene, difference, draw_scene, edit, scene_of_text
from chorus_traces.errors import EngineError


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_changes_exactly_its_attribute(kind):
    rng = np.random.default_rng(1)
    for _ in range(200):
        scene = draw_scene(rng, sized=0.0)
        changed = edit(scene, kind, rng)
        assert difference(scene, changed) == {kind}
        figures = zip(scene.figures, changed.figures, strict=False)
        assert sum(before != after for before, after in figures) == (
            kind in ("colour", "shape", "motion")
        )


def test_an_edit_of_a_sized_figure_keeps_its_size():
    rng = np.random.default_rng(2)
    scene = Scene(figures=(Figure(colour="red", shape="circle", size="large"),))
    assert edit(scene, "colour", rng).figures[0].size == "large"
    with pytest.raises(EngineError, match="cannot join a large one"):
        edit(scene, "count", rng)


def test_equal_generators_give_equal_edits():
    scene = draw_scene(np.random.default_rng(3))
    edits = [edit(scene, "motion", np.random.default_rng(4)) for _ in range(2)]
    assert edits[0] == edits[1]


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(EngineError, match=r"unknown kind of edit 'color'.*did you mean 'colour'"):
        edit(draw_scene(np.random.default_rng(0)), "color", np.random.default_rng(0))


REAL = (
    "cinematic drone shot of a red sports car on a mountain road at sunset, highly detailed",
    "portrait of an old fisherman in the rain, oil painting, dramatic light",
    "a golden retriever running through shallow water, slow motion",
    "",
    "日本の桜の木の下の猫",
)


def test_a_real_text_gives_the_same_scene_on_every_machine():
    said = [
        (s.figures[0].colour, s.figures[0].shape, s.background) for s in map(scene_of_text, REAL)
    ]
    assert said == [
        ("yellow", "triangle", "dark"),
        ("red", "triangle", "chequered"),
        ("purple", "circle", "striped"),
        ("cyan", "circle", "dark"),
        ("purple", "square", "dark"),
    ]


def test_case_order_and_punctuation_do_not_matter():
    assert scene_of_text("Sunset, over a RED car!") == scene_of_text("red car sunset")


def test_similar_texts_give_more_similar_scenes_than_different_ones():
    rng = np.random.default_rng(6)
    words = [f"word{number}" for number in range(400)]
    near, far = [], []
    for _ in range(200):
        text = list(rng.choice(words, 12, replace=False))
        other = scene_of_text(" ".join([*text[:-1], "changed"]))
        base = scene_of_text(" ".join(text))
        near.append(len(difference(base, other)))
        far.append(len(difference(base, scene_of_text(" ".join(rng.choice(words, 12))))))
    assert np.mean(far) > 2
    assert np.mean(near) < np.mean(far) / 3
