import msgspec
import pytest
from unit.quality.tiny_clip import save_clip

from chorus_runtime.prompt_vector import HashedWords
from chorus_runtime.quality import Study, read_trials, run_study
from chorus_runtime.quality.beside import Beside
from chorus_runtime.quality.clip_score import ClipScore
from chorus_runtime.quality.results import write_results
from chorus_runtime.quality.text_pairs import read_pairs
from chorus_traces.errors import EngineError

STUDY = Study(model="shapes", steps=6, k1=(2,), modes=("reuse", "srd+tgaa"), kinds=("colour",))
LINES = (
    b'{"old": "a red circle moving left", "new": "a blue circle moving left", "kind": "colour"}\n'
    b'\n{"old": "a red circle moving left", "new": "a red square moving left"}\n'
)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(LINES)
    return read_pairs(path, seed=3)


def test_a_file_of_pairs_is_read_in_order(pairs):
    assert [(one.number, one.kind, one.new.split()[1]) for one in pairs] == [
        (0, "colour", "blue"),
        (1, "edit", "red"),
    ]
    assert [one.seed for one in pairs] == [3_000_000, 3_000_001]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"old": "a"}', r"pairs\.jsonl:1: not a pair .*`new`"),
        (b'{"old": "a", "new": "b", "knd": "c"}', "unknown field `knd`"),
        (b'{"old": "a", "new": " "}', "1: new is empty"),
        (b"\xff\xfe", "1: not a pair"),
        (b"\n", "no pairs"),
    ],
)
def test_a_file_that_holds_no_pairs_is_an_error(tmp_path, text, message):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(text)
    with pytest.raises(EngineError, match=message):
        read_pairs(path, seed=0)
    path.unlink()
    with pytest.raises(EngineError, match="cannot be read"):
        read_pairs(path, seed=0)


def test_clips_of_listed_pairs_are_measured_and_not_judged(video, pairs, tmp_path):
    folder = tmp_path / "study"
    beside = Beside(measures=(ClipScore(str(save_clip(tmp_path / "clip"))),))
    assert run_study(STUDY, 9, video, HashedWords(), folder, prompts=pairs, beside=beside)
    trials = read_trials(folder / "trials.jsonl")
    assert [(one.pair, one.mode) for one in trials] == [
        (pair, mode) for pair in (0, 1) for mode in ("full", "reuse", "srd+tgaa")
    ]
    assert all(one.right == {} and one.edited is None for one in trials)
    assert all(set(one.measures) == {"clip_score"} for one in trials)
    assert b'"measures":{"clip_score":' in (folder / "trials.jsonl").read_bytes()
    summary = write_results(folder)
    assert sorted(one.name for one in folder.iterdir()) == [
        "study.json",
        "summary.json",
        "trials.jsonl",
    ]
    rows = {(row["mode"], row["kind"]): row for row in summary["rows"]}
    assert {kind for _, kind in rows} == {"all kinds", "edits", "colour", "edit"}
    assert "acceptable" not in rows["full", "edits"]
    assert rows["full", "edits"]["psnr_db"] == 60 > rows["reuse", "edits"]["psnr_db"]
    reused = [one.measures["clip_score"] for one in trials if one.mode == "reuse"]
    found = rows["reuse", "all kinds"]
    assert found["measures"]["clip_score"] == pytest.approx(sum(reused) / 2, abs=1e-4)
    assert (found["trials"], summary["header"]["size"]) == (2, (32, 32, 8))


def test_other_pairs_or_measures_in_the_same_folder_are_an_error(video, pairs, tmp_path):
    folder = tmp_path / "study"
    run_study(STUDY, 1, video, HashedWords(), folder, prompts=pairs[:1])
    with pytest.raises(EngineError, match="holds another study"):
        run_study(STUDY, 2, video, HashedWords(), folder, prompts=pairs)
    beside = Beside(measures=(ClipScore(str(save_clip(tmp_path / "clip"))),))
    with pytest.raises(EngineError, match="holds another study"):
        run_study(STUDY, 1, video, HashedWords(), folder, prompts=pairs[:1], beside=beside)


def test_what_is_not_asked_for_is_not_written(video, tmp_path):
    study = msgspec.structs.replace(STUDY, modes=("reuse",))
    run_study(study, 1, video, HashedWords(), tmp_path)
    for name in ("trials.jsonl", "study.json"):
        text = (tmp_path / name).read_text()
        assert not any(word in text for word in ("measures", "beside", "prompts", "size"))
    assert not (tmp_path / "vbench").exists()
