import msgspec
import pytest
from unit.quality.trials import made, trial

from chorus_policies.costs.quality import (
    load_quality,
    quality_names,
    read_quality,
    write_quality,
)
from chorus_policies.plan import Copy, Fresh, Regional, Resume
from chorus_runtime.quality.curve import curve_of
from chorus_runtime.quality.study import Header, Study
from chorus_traces.errors import ProfileError


def curve(trials, steps=50):
    study = Study(model="shapes", steps=steps, k1=(10, 20, 30))
    header = Header(study=study, guidance=3.0, embedder="e", device="cpu", versions={})
    return curve_of([(header, trials)])


def resume(k1):
    return Resume(donor=0, similarity=0.85, k1=k1, reason="")


def test_a_cell_answers_with_its_share_and_interval():
    one = curve(made({"reuse": 10})).at(resume(10), 50, 0.85, 1)
    assert (one.share, one.trials, one.basis) == (1.0, 40, "similarity and words")
    assert 0.9 < one.low < one.high == 1.0
    assert curve(made({"reuse": 10})).at(resume(20), 50, 0.85, 1).share == 0


def test_the_nearest_cell_answers_within_reach_and_none_beyond():
    found = curve(made({"reuse": 10}))
    assert found.at(resume(12), 50, 0.85, 1).share == 1
    assert found.at(Resume(donor=0, similarity=0.85, k1=6, reason=""), 30, 0.85, 1).share == 1
    assert "k1 80% is not measured" in found.at(resume(40), 50, 0.85, 1)
    assert "similarity below 0.85" in found.at(resume(10), 50, 0.60, 1)
    assert "similarity above 0.85" in found.at(resume(10), 50, 0.99, 1)
    assert "differing words above 1" in found.at(resume(10), 50, 0.85, 9)
    assert "about 4 steps" in found.at(resume(1), 4, 0.85, 1)
    regional = Regional(
        donor=0, similarity=0.85, k1=10, k2=40, active_share=0.2, amplification=8.0, reason=""
    )
    assert "no srd+tgaa" in found.at(regional, 50, 0.85, 1)


def test_full_compute_copies_and_the_same_words_are_answered_from_full_compute():
    trials = made({"reuse": 10})
    trials[:4] = [trial(pair, "full", 0, right=False) for pair in range(4)]
    found = curve(trials)
    for plan, words in ((Fresh(reason=""), 5), (Copy(donor=0), 0), (resume(30), 0)):
        assert found.at(plan, 50, 1.0, words).share == 0.9


def test_few_trials_make_no_cell_of_their_own():
    trials = made({"reuse": 30}, pairs=12)
    trials += made({"reuse": 0}, pairs=5, similarity=0.97, words=3)
    one = curve(trials).at(resume(10), 50, 0.97, 3)
    assert (one.basis, one.trials) == ("all donors", 17)


def test_a_curve_survives_its_file(tmp_path):
    found = curve(made({"reuse": 10}))
    write_quality(found, tmp_path / "curve.json")
    assert read_quality(tmp_path / "curve.json") == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("chorus.quality/1", "chorus.quality/9"), "chorus.quality/9"),
        (('"trials":40', '"trials":4'), "of 4 trials"),
        (('"cells"', '"sells"'), "sells"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, change, message):
    path = tmp_path / "curve.json"
    write_quality(curve(made({"reuse": 10})), path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(ProfileError, match=message) as error:
        read_quality(path)
    assert "\n" not in str(error.value)


def test_the_curves_that_ship_are_known_by_name():
    assert "shapes" in quality_names()
    shipped = load_quality("shapes")
    assert shipped.source == "measured"
    assert {cell.steps for cell in shipped.cells} == {4, 50}
    known = shipped.at(resume(10), 50, 0.85, 1)
    assert 0 < known.share <= 1
    with pytest.raises(ProfileError, match="did you mean 'shapes'"):
        load_quality("shape")
    assert msgspec.json.encode(shipped)
