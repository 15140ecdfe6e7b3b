from unit.quality.trials import trial

from chorus_policies.costs.differing_words import differing_words
from chorus_policies.plan import Fresh, Regional, Resume
from chorus_runtime.quality import KINDS, draw_pairs, plan_of
from chorus_runtime.quality.modes import end_of_srd
from chorus_runtime.shapes import difference, parse


def test_a_pair_differs_in_what_its_kind_says_and_in_nothing_else():
    pairs = draw_pairs(60, seed=3)
    assert {pair.kind for pair in pairs} == set(KINDS)
    for pair in pairs:
        assert parse(pair.old) == pair.before
        assert parse(pair.new) == pair.scene
        assert pair.old != pair.new
        expected = set() if pair.kind == "wording" else {pair.kind}
        if pair.kind == "count":
            assert len(pair.before.figures) != len(pair.scene.figures)
        else:
            assert difference(pair.before, pair.scene) == expected


def test_pairs_do_not_depend_on_how_many_are_drawn():
    assert draw_pairs(7, seed=1) == draw_pairs(20, seed=1)[:7]
    assert draw_pairs(7, seed=1) != draw_pairs(7, seed=2)
    assert len({pair.seed for pair in draw_pairs(50, seed=1)}) == 50


def test_every_mode_is_a_plan():
    assert isinstance(plan_of("full", 0, 0, 0.25, 1.0), Fresh)
    assert isinstance(plan_of("reuse+tgaa", 3, 3, 0.25, 8.0), Resume)
    plain, amplified = (plan_of(mode, 3, 5, 0.25, 8.0) for mode in ("srd", "srd+tgaa"))
    assert isinstance(plain, Regional)
    assert (plain.amplification, amplified.amplification) == (1.0, 8.0)
    assert [end_of_srd(k1, 50, 0.7) for k1 in (10, 30, 50)] == [38, 44, 50]


def test_words_that_differ_are_counted_once():
    assert differing_words("a blue circle", "a red circle") == 1
    assert differing_words("A blue circle!", "a blue  circle") == 0
    assert differing_words("a blue circle on a dark background", "a blue circle") == 4
    assert differing_words("a blue circle", "a blue circle on a dark background") == 4
    assert trial(0, "reuse", 10, right=True).acceptable
