import msgspec
import pytest

from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.quality import MODES, Study, read_trials, run_study
from chorus_runtime.quality.results import write_results
from chorus_traces.errors import EngineError

STUDY = Study(model="shapes", steps=6, k1=(1, 3))


def untimed(trials):
    return [msgspec.structs.replace(one, denoise_s=0.0) for one in trials]


def test_a_study_that_is_cut_off_goes_on_where_it_was(video, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_study(STUDY, 3, video, HashedWords(), whole)
    asked = []

    def after_one():
        asked.append(1)
        return len(asked) > 1

    assert not run_study(STUDY, 3, video, HashedWords(), parts, stop=after_one)
    path = parts / "trials.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"pair": 1, "kin')
    assert run_study(STUDY, 3, video, HashedWords(), parts)
    expected = read_trials(whole / "trials.jsonl")
    assert untimed(read_trials(path)) == untimed(expected)
    assert len(expected) == 3 * (1 + 2 * 4)
    assert {one.mode for one in expected} == set(MODES)
    full = [one for one in expected if one.mode == "full"]
    assert all(one.psnr_db == 60 and one.flop_share == 1 for one in full)
    srd = [one for one in expected if one.mode == "srd+tgaa" and one.k1 == 1]
    assert all(one.k2 == 5 for one in srd)
    assert all((one.factor > 1) == (one.words > 0) for one in srd)


def test_donors_can_be_made_again_from_their_final_latent(video, tmp_path):
    # Deep enough that latents of a straight path and of the path taken differ.
    found = {}
    for donors in ("stored", "renoised"):
        study = msgspec.structs.replace(STUDY, donors=donors)
        run_study(study, 2, video, HashedWords(), tmp_path / donors)
        found[donors] = read_trials(tmp_path / donors / "trials.jsonl")
    stored, renoised = (untimed(found[donors]) for donors in ("stored", "renoised"))
    for one, other in zip(stored, renoised, strict=True):
        assert (one.mode, one.k1, one.k2) == (other.mode, other.k1, other.k2)
        assert (one.psnr_db == other.psnr_db) == (one.mode == "full")


def test_results_lie_beside_the_trials(video, tmp_path):
    run_study(STUDY, 2, video, HashedWords(), tmp_path)
    summary = write_results(tmp_path)
    assert summary["pairs"] == 2
    for name in ("summary.json", "curve.json", "accuracy.png", "savings.png"):
        assert (tmp_path / name).stat().st_size > 500


def test_another_study_in_the_same_folder_is_an_error(video, tmp_path):
    run_study(STUDY, 1, video, HashedWords(), tmp_path)
    other = msgspec.structs.replace(STUDY, active_share=0.5)
    with pytest.raises(EngineError, match="holds another study"):
        run_study(other, 1, video, HashedWords(), tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"k1": ()}, "k1 is"),
        ({"k1": (6,)}, "1 to 5 are needed"),
        ({"modes": ("reus",)}, "unknown mode 'reus'"),
        ({"srd_share": 0.0}, "shares in"),
    ],
)
def test_a_study_that_makes_no_sense_is_an_error(fields, message):
    with pytest.raises(EngineError, match=message):
        Study(**({"model": "shapes", "steps": 6, "k1": (1,)} | fields))


def test_an_unknown_kind_of_edit_is_an_error(video, tmp_path):
    study = msgspec.structs.replace(STUDY, kinds=("colours",))
    with pytest.raises(EngineError, match="did you mean 'colour'"):
        run_study(study, 1, video, HashedWords(), tmp_path)
