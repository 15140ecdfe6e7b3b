import pytest

from chorus_policies.policy import load_policy
from chorus_sim.tune.candidate import candidate, check_space
from chorus_sim.tune.space import load_space, space_names, value_at
from chorus_traces.errors import ChorusError

NEVER = """
base = "lru"
[parameters]
"a.b" = {choices = [1, 2]}
"c.d" = {low = 1, high = 2, when = {"a.b" = [3]}}
"""


@pytest.mark.parametrize("name", ["adaptive", "bands", "sizing"])
def test_every_choice_and_end_of_a_shipped_space_makes_a_policy(name):
    space = load_space(name)
    base = load_policy(space.base)
    check_space(space, base)
    own = space.values_of(base)
    assert own is not None
    assert candidate(space, base, own, "same").fingerprint == base.fingerprint


def test_the_shipped_spaces_are_those_tried_here():
    assert space_names() == ["adaptive", "bands", "sizing"]


def test_another_kind_starts_from_its_defaults_and_drops_what_depends_on_the_old():
    space = load_space("adaptive")
    base = load_policy("windowed")
    assert base.form.trim
    chosen = {"eviction.kind": "gdsf", "eviction.cost": "saved", "entry.kind": "window"}
    policy = candidate(space, base, chosen, "mine")
    assert policy.tables["eviction"] == {"kind": "gdsf", "cost": "saved"}
    assert not policy.form.trim
    assert policy.tables["reuse"]["bands"] == base.tables["reuse"]["bands"]


def test_a_band_is_reached_by_its_place():
    space, base = load_space("bands"), load_policy("adaptive")
    own = space.values_of(base)
    policy = candidate(space, base, own | {"reuse.bands.1.similarity": 0.87}, "mine")
    assert value_at(policy.tables, "reuse.bands.1.similarity") == 0.87
    assert value_at(policy.tables, "reuse.bands.0.similarity") == 0.95


def test_a_base_outside_of_the_space_has_no_values():
    assert load_space("adaptive").values_of(load_policy("fifo")) is None


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("base = 'lru", ("not valid TOML",)),
        ("base = 'lru'", ("parameters",)),
        ("base = 'lru'\n[parameters]", ("no parameters",)),
        ("base = 'lru'\n[parameters.'a.b']\nlow = 3\nhigh = 1", ("low must be below high",)),
        ("base = 'lru'\n[parameters.'a.b']\nlow = 0\nhigh = 1\nlog = true", ("above 0",)),
        ("base = 'lru'\n[parameters.'a.b']\nchoices = [1]", ("two or more",)),
        ("base = 'lru'\n[parameters.'a.b']\nchoices = [1, 1]", ("each once",)),
        ("base = 'lru'\n[parameters.'a.b']\nchoices = [1, 2]\nlow = 1", ("one of them",)),
        ("base = 'lru'\n[parameters.'a.b']\nlows = 1", ("lows",)),
        ("base = 'lru'\nbsae = 1\n[parameters.'a.b']\nchoices = [1, 2]", ("bsae",)),
        (
            "base = 'lru'\n[parameters.'a.b']\nlow = 1\nhigh = 2\nwhen = {'c.d' = [1]}",
            ("when names c.d",),
        ),
        (NEVER, ("which it never is",)),
    ],
)
def test_a_space_that_cannot_be_used_is_one_line(tmp_path, text, needed):
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(ChorusError) as refused:
        load_space(str(path))
    message = str(refused.value)
    assert "space.toml" in message
    assert all(part in message for part in needed), message


@pytest.mark.parametrize(
    ("parameter", "needed"),
    [
        ("'eviction.kind']\nchoices = ['worth', 'wurth']", "wurth"),
        ("'eviction.memry']\nchoices = [1.0, 2.0]", "memry"),
        ("'sizing.step']\nchoices = [1.0, 2.0]", "step"),
        ("'reuse.bands.9.k1']\nlow = 0.1\nhigh = 0.2", "bands.9"),
        ("'eviction.memory']\nlow = 0.0\nhigh = 9.0", "memory = 0.0"),
    ],
)
def test_a_space_that_does_not_fit_its_base_names_the_key(tmp_path, parameter, needed):
    path = tmp_path / "space.toml"
    path.write_text(f"base = 'adaptive'\n[parameters.{parameter}")
    with pytest.raises(ChorusError, match=needed):
        check_space(load_space(str(path)), load_policy("adaptive"))
