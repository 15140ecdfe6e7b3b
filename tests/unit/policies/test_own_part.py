"""A part, or a whole policy, in a file of one's own."""

import pickle
import shutil
from pathlib import Path

import pytest
import tomli_w

from chorus_policies.entry import EntryForm
from chorus_policies.explain import explain_policy
from chorus_policies.policy import load_policy, parse_policy
from chorus_policies.testing import check_eviction, check_policy
from chorus_traces.errors import PolicyError

EXAMPLE = Path(__file__).with_name("own_policy_example.py")

ADMISSION = """
class Odd:
    def __init__(self, setting):
        pass

    def admit(self, candidate, victim, now):
        return candidate.key % 2 == 1
"""


def own(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def assert_one_line(error: pytest.ExceptionInfo[PolicyError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_part_named_on_the_command_line_has_the_rest_of_lru() -> None:
    policy = load_policy(f"{EXAMPLE}:Mru")
    lru = load_policy("lru")
    assert policy.name == "Mru"
    assert policy.summary == "Orders entries by last use and takes them from the recent end."
    assert policy.tables["eviction"]["keep"] == 0
    assert {section: policy.tables[section] for section in ("reuse", "admission", "entry")} == {
        section: lru.tables[section] for section in ("reuse", "admission", "entry")
    }
    part = policy.eviction(1000, seed=0)
    assert type(part).__name__ == "Mru"


def test_a_part_in_a_policy_file_lies_beside_the_file_and_takes_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(EXAMPLE, tmp_path / "mine.py")
    path = own(
        tmp_path, 'base = "lru"\n[eviction]\nkind = "./mine.py:Mru"\nkeep = 3\n', "mine.toml"
    )
    monkeypatch.chdir("/")
    policy = load_policy(str(path))
    assert policy.tables["eviction"]["keep"] == 3
    assert policy.eviction(1000, seed=0)._keep == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_contract_suite_checks_an_own_part(seed: int) -> None:
    policy = load_policy(f"{EXAMPLE}:Mru")
    exercise = check_eviction(lambda setting: policy.eviction(setting.capacity_bytes, 0), seed=seed)
    assert exercise.evictions > 800
    assert check_policy(policy).hits > 100


def test_a_whole_policy_is_asked_for_every_part() -> None:
    policy = load_policy(f"{EXAMPLE}:Whole")
    assert policy.name == "whole-example"
    assert policy.form == EntryForm(kind="compact")
    assert set(policy.tables["reuse"]) == {"kind", "source_sha256"}
    assert type(policy.eviction(1000, seed=0)).__name__ == "Mru"
    assert policy.reuse(0).floor() == load_policy("lru").reuse(0).floor()
    assert check_policy(policy).evictions > 100


def test_an_own_part_may_take_a_setting_alone(tmp_path: Path) -> None:
    path = own(tmp_path, ADMISSION)
    part = load_policy(f"{path}:Odd").admission(1000, 0)
    assert type(part).__name__ == "Odd"


def test_the_fingerprint_follows_the_source_and_not_the_place(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    one, two = (own(place, ADMISSION) for place in places)
    before = load_policy(f"{one}:Odd").fingerprint
    assert load_policy(f"{two}:Odd").fingerprint == before
    own(places[1], ADMISSION + "# changed\n")
    assert load_policy(f"{two}:Odd").fingerprint != before


def test_a_policy_with_an_own_part_written_out_is_the_same_policy() -> None:
    policy = load_policy(f"{EXAMPLE}:Mru")
    again = parse_policy(tomli_w.dumps(policy.to_table()), where="again", name="other")
    assert again.fingerprint == policy.fingerprint
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301 - our own bytes


def test_explaining_it_says_what_its_file_says() -> None:
    text = explain_policy(load_policy(f"{EXAMPLE}:Mru"))
    assert "# MRU: evict the entry that was used last" in text
    assert 'own_policy_example.py:Mru"' in text


def test_a_file_changed_after_it_was_loaded_is_refused(tmp_path: Path) -> None:
    path = own(tmp_path, ADMISSION)
    policy = load_policy(f"{path}:Odd")
    own(tmp_path, ADMISSION + "# changed\n")
    with pytest.raises(PolicyError) as error:
        policy.admission(1000, 0)
    assert_one_line(error, "Odd", "mine.py", "the file was changed")


def test_a_written_out_policy_refuses_another_source(tmp_path: Path) -> None:
    path = own(tmp_path, ADMISSION)
    text = f'base = "lru"\n[admission]\nkind = "{path}:Odd"\nsource_sha256 = "0123"\n'
    with pytest.raises(PolicyError) as error:
        parse_policy(text, where="here.toml", name="mine")
    assert_one_line(error, "here.toml", "the policy names 0123")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("def broken(:\n", ["fails when it is run", "SyntaxError"]),
        ("import nothing_of_this_name\n", ["ModuleNotFoundError", "nothing_of_this_name"]),
        ("raise SystemExit(3)\n", ["SystemExit", "3"]),
        ("raise ValueError('two\\nlines')\n", ["ValueError: two lines"]),
        ("\0", ["fails when it is run"]),
        ("class Other: pass\n", ["unknown class 'Mine'", "Other"]),
        ("Mine = 3\n", ["unknown class 'Mine'"]),
        ("class Mine: pass\n", ["Mine is no part of a policy", "eviction: admitted, hit"]),
        (ADMISSION.replace("Odd", "Mine") + "Config = 3\n", ["Config is 3", "msgspec.Struct"]),
    ],
)
def test_a_file_that_is_no_part_is_refused_in_one_line(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    path = own(tmp_path, text)
    with pytest.raises(PolicyError) as error:
        load_policy(f"{path}:Mine")
    assert_one_line(error, str(path), *parts)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(f"{tmp_path}/none.py:Mine")
    assert_one_line(error, "none.py", "No such file", "a Python file is needed")


def test_a_part_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = own(tmp_path, ADMISSION)
    with pytest.raises(PolicyError) as error:
        parse_policy(
            f'base = "lru"\n[eviction]\nkind = "{path}:Odd"', where="here.toml", name="mine"
        )
    assert_one_line(error, "here.toml: [eviction]", "is a part for [admission]")


@pytest.mark.parametrize(
    ("numbers", "parts"),
    [
        ("keep = 11", ["[eviction]", "keep is 11"]),
        ("kep = 1", ["unknown key 'kep'", "did you mean 'keep'?"]),
        ("keep = 'two'", ["Expected `int`"]),
    ],
)
def test_wrong_numbers_are_refused_like_those_of_any_part(numbers: str, parts: list[str]) -> None:
    text = f'base = "lru"\n[eviction]\nkind = "{EXAMPLE}:Mru"\n{numbers}'
    with pytest.raises(PolicyError) as error:
        parse_policy(text, where="here.toml", name="mine")
    assert_one_line(error, "here.toml", *parts)


def test_a_class_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    path = own(tmp_path, ADMISSION.replace("pass", "raise KeyError('none')"))
    policy = load_policy(f"{path}:Odd")
    with pytest.raises(PolicyError) as error:
        policy.admission(1000, 0)
    assert_one_line(error, "mine.py:Odd: admission cannot be made", "KeyError")


@pytest.mark.parametrize(
    ("form", "name", "part"),
    [("None", "'mine'", "needs a form"), ("EntryForm()", "3", "needs a name")],
)
def test_a_whole_policy_without_name_or_form_is_refused(
    tmp_path: Path, form: str, name: str, part: str
) -> None:
    methods = "".join(
        f"    def {section}(self, *numbers): ...\n"
        for section in ("reuse", "admission", "eviction", "sizing")
    )
    text = "from chorus_policies.entry import EntryForm\n\nclass Mine:\n"
    path = own(tmp_path, text + f"    name = {name}\n    form = {form}\n{methods}")
    with pytest.raises(PolicyError) as error:
        load_policy(f"{path}:Mine")
    assert_one_line(error, "Mine", part)
