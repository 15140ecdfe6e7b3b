"""A policy that breaks its contract is named; a policy file that is wrong says where and how."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from chorus_policies.admission.always import Always
from chorus_policies.admission.always import Config as AlwaysConfig
from chorus_policies.cache import Cache
from chorus_policies.catalogue import ADMISSIONS, EVICTIONS, REUSES, SIZINGS
from chorus_policies.entry import EntryForm, Query
from chorus_policies.eviction.lru import Config as LruConfig
from chorus_policies.eviction.lru import Lru
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.parts import Setting
from chorus_policies.plan import Copy, Fresh, Plan, Regional, Resume
from chorus_policies.policy import Policy, load_policy, parse_policy, preset_names
from chorus_policies.sizing.fixed import Config as FixedConfig
from chorus_policies.sizing.fixed import Fixed
from chorus_policies.tier import TierSpec
from chorus_traces.errors import PolicyError

RIGHT = """
[[reuse.bands]]
similarity = 0.9
k1 = 0.4
k2 = 0.8
"""


def test_the_file_the_wrong_ones_are_made_from_is_right() -> None:
    policy = parse_policy(RIGHT, where="here", name="mine")
    assert policy.name == "mine"
    assert policy.form == EntryForm(kind="window")
    assert policy.tables["eviction"]["kind"] == "lru"


def assert_one_line(error: Any, *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("reuse = 'a", ["not valid TOML", "end of document"]),
        ("reuse == 1", ["not valid TOML", "line 1"]),
        ("\x00", ["not valid TOML"]),
        ("", ["section [reuse] is missing"]),
        (RIGHT + "[evictoin]", ["unknown key 'evictoin'", "did you mean 'eviction'?"]),
        (RIGHT + "[eviction]\nkind = 'lur'", ["[eviction]", "'lur'", "did you mean 'lru'?"]),
        (RIGHT + "[eviction]\nkind = 3", ["[eviction]", "unknown kind '3'"]),
        (RIGHT + "[eviction]\nkind = ['lru']", ["[eviction]", "unknown kind"]),
        (RIGHT + "[eviction]\nkind = {a = 1}", ["[eviction]", "unknown kind"]),
        (RIGHT + "[eviction]\nsize = 3", ["[eviction]", "unknown key 'size'"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nsmal = 0.1", ["did you mean 'small'?"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nsmall = nan", ["small is nan"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nsmall = 1.0", ["small is 1.0", "(0, 1)"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nghost = -0.1", ["ghost is -0.1"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nghost = inf", ["ghost is inf"]),
        (
            RIGHT + "[eviction]\nkind = 's3fifo'\npromote_after = 4",
            ["promote_after is 4", "1 to 3"],
        ),
        (RIGHT + "[eviction]\nkind = 's3fifo'\npromote_after = 1.5", ["Expected `int`"]),
        (RIGHT + "[eviction]\nkind = 's3fifo'\nsmall = '10 %'", ["Expected `float`", "$.small"]),
        (RIGHT + "[admission]\nkind = 'allways'", ["[admission]", "did you mean 'always'?"]),
        (RIGHT + "[sizing]\nkind = 'fixd'", ["[sizing]", "did you mean 'fixed'?"]),
        (RIGHT + "[entry]\nkind = 'small'", ["[entry]", "'small'", "'window' or 'renoised'"]),
        (
            RIGHT + "[entry]\nkind = 'renoised'\ntrim = true",
            ["[entry]", "trim is on", "'renoised'"],
        ),
        (RIGHT + "[entry]\nkin = 'compact'", ["[entry]", "did you mean 'kind'?"]),
        ("eviction = 'lru'\n" + RIGHT, ["[eviction] is not a table"]),
        ("[[eviction]]\n" + RIGHT, ["[eviction] is not a table"]),
        ("reuse = 0.9", ["[reuse] is not a table"]),
        ("name = 3\n" + RIGHT, ["name is 3", "a text is needed"]),
        ("summary = ['a']\n" + RIGHT, ["summary is ['a']"]),
        ("base = 3", ["base is 3", "a text is needed"]),
        ("base = 'lur'", ["unknown policy 'lur'", "did you mean 'lru'?"]),
        ("[reuse]", ["[reuse]", "missing required field `bands`"]),
        ("[reuse]\nbands = []", ["bands is empty"]),
        ("[reuse.bands]\nsimilarity = 0.9", ["[reuse]", "Expected `array`"]),
        (RIGHT + "k3 = 1", ["[reuse]: bands 1: unknown key 'k3'", "did you mean 'k2'?"]),
        ("[[reuse.bands]]\nk1 = 0.1", ["missing required field `similarity`", "$.bands[0]"]),
        (RIGHT + "amplification = nan", ["amplification is nan"]),
        (RIGHT + "active_share = true", ["Expected `float`"]),
        (RIGHT.replace("0.9", "nan"), ["similarity is nan"]),
        (RIGHT.replace("0.9", "1.01"), ["similarity is 1.01"]),
        (RIGHT.replace("0.4", "0.9"), ["k2 is 0.8"]),
        (RIGHT + RIGHT, ["similarities must fall"]),
    ],
)
def test_a_wrong_policy_file_is_refused_in_one_line(text: str, parts: list[str]) -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(text, where="here.toml", name="mine")
    assert_one_line(error, *parts)
    if not text.startswith("base = 'lur'"):
        assert str(error.value).startswith("here.toml: ")


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PolicyError) as error:
        load_policy("lur")
    assert_one_line(error, "unknown policy 'lur'", *preset_names(), "did you mean 'lru'?")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(str(tmp_path / "none.toml"))
    assert_one_line(error, "none.toml", "No such file", "a TOML file is needed")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(f"{tmp_path}/")
    assert_one_line(error, str(tmp_path), "a TOML file is needed")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError) as error:
        load_policy(str(path))
    assert_one_line(error, "mine.toml", "a TOML file is needed")


def test_a_base_that_leads_back_to_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps({"base": str(path)}), encoding="utf-8")
    with pytest.raises(PolicyError) as error:
        load_policy(str(path))
    assert_one_line(error, "mine.toml", "leads back to itself")


@pytest.mark.parametrize("name", preset_names())
def test_a_policy_written_out_is_the_same_policy(name: str) -> None:
    policy = load_policy(name)
    again = parse_policy(tomli_w.dumps(policy.to_table()), where="again", name="other")
    assert again.fingerprint == policy.fingerprint
    assert (again.name, again.summary, again.paper) == (policy.name, policy.summary, policy.paper)


class Broken:
    """A policy that is right but for the part given."""

    name = "broken"

    def __init__(self, form: str = "window", **parts: Callable[[Setting], Any]) -> None:
        self.form = EntryForm(kind=form)
        self._right = parse_policy(RIGHT, where="here", name="right")
        self._parts = parts

    def reuse(self, seed: int) -> Any:
        return self._made("reuse", 0, seed)

    def admission(self, capacity_bytes: int, seed: int) -> Any:
        return self._made("admission", capacity_bytes, seed)

    def eviction(self, capacity_bytes: int, seed: int) -> Any:
        return self._made("eviction", capacity_bytes, seed)

    def sizing(self, capacity_bytes: int, seed: int) -> Any:
        return self._made("sizing", capacity_bytes, seed)

    def _made(self, part: str, capacity_bytes: int, seed: int) -> Any:
        right: Policy = self._right
        numbers = (seed,) if part == "reuse" else (capacity_bytes, seed)
        made = getattr(right, part)(*numbers)
        return self._parts[part](made) if part in self._parts else made


class Answering:
    """A reuse part that gives one answer to everything."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __call__(self, right: Any) -> Any:
        self.floor, self.span = right.floor, right.span
        return self

    def plan(self, query: Query, neighbours: Any, now: float) -> Any:
        return self._answer


def query(
    sequence: int, namespace: str | None = "one", identity: str | None = None, steps: int = 50
) -> Query:
    return Query(
        sequence=sequence,
        namespace=namespace,
        identity=identity,
        steps=steps,
        latent_bytes=1000,
        result_bytes=1000,
        embedding=[1.0, 0.0],
    )


def make_cache(policy: Any, capacity_bytes: int = 10**9) -> Cache:
    tiers = (TierSpec(name="memory", capacity_bytes=capacity_bytes),)
    return Cache(policy, tiers, MatrixIndex(), Journal())


def regional(donor: int = 0, k1: int = 20, k2: int = 40) -> Regional:
    return Regional(
        donor=donor, similarity=1.0, k1=k1, k2=k2, active_share=0.5, amplification=1.0, reason=""
    )


def resume(donor: int = 0, k1: int = 20) -> Resume:
    return Resume(donor=donor, similarity=1.0, k1=k1, reason="")


@pytest.mark.parametrize(
    ("answer", "form", "parts"),
    [
        (resume(donor=99), "window", ["donor 99 is not resident"]),
        (resume(donor=1), "window", ["donor 1 is of namespace two", "request 5 of one"]),
        (resume(k1=51), "window", ["k1 51", "request 5", "<= 50"]),
        (resume(k1=-1), "window", ["k1 -1"]),
        (regional(k1=40, k2=30), "window", ["k1 40 and k2 30"]),
        (regional(k2=51), "window", ["k2 51"]),
        (regional(k1=10), "window", ["donor 0 lacks the latents of steps 10 to 40"]),
        (regional(), "compact", ["donor 0 lacks the latents of steps 20 to 40"]),
        (Copy(donor=0), "window", ["donor 0 is no exact result of the request 5"]),
        (None, "window", ["got None"]),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_an_error_of_the_policy(
    answer: Plan | None, form: str, parts: list[str]
) -> None:
    cache = make_cache(Broken(form, reuse=Answering(answer)))
    fresh = Fresh(reason="filling")
    cache.store(query(0), fresh, 1.0, 0.0)
    cache.store(query(1, "two"), fresh, 1.0, 0.0)
    with pytest.raises(PolicyError) as error:
        cache.lookup(query(5), 1.0)
    assert_one_line(error, "broken: plan: ", *parts)
    cache.remove(0, 2.0)  # nothing was pinned


def test_a_copy_of_a_result_that_was_made_with_reuse_is_an_error_of_the_policy() -> None:
    cache = make_cache(Broken(reuse=Answering(Copy(donor=1))))
    cache.store(query(0), Fresh(reason="filling"), 1.0, 0.0)
    cache.store(query(1, identity="same"), resume(), 1.0, 0.0)
    with pytest.raises(PolicyError) as error:
        cache.lookup(query(5, identity="same"), 1.0)
    assert_one_line(error, "broken: plan: donor 1 is no exact result of the request 5")


class Naming(Lru):
    """Names one entry whatever is asked."""

    def __init__(self, key: int) -> None:
        super().__init__(LruConfig(), Setting(capacity_bytes=0, chance=None))  # type: ignore[arg-type]
        self._key = key

    def __call__(self, right: Any) -> Any:
        return self

    def victim(self, pinned: Any, now: float) -> int:
        return self._key


@pytest.mark.parametrize(
    ("key", "complaint"), [(0, "entry 0 is pinned"), (99, "entry 99 is not resident in memory")]
)
def test_a_victim_that_cannot_go_is_an_error_of_the_policy(key: int, complaint: str) -> None:
    size_bytes = EntryForm(kind="compact").size_bytes((1, 0), query(0))
    cache = make_cache(Broken("compact", eviction=Naming(key)), 2 * size_bytes)
    for sequence in range(2):
        cache.store(query(sequence, identity=str(sequence)), Fresh(reason=""), 1.0, 0.0)
    plan = cache.lookup(query(2, identity="0"), 1.0)
    assert plan == Copy(donor=0)
    with pytest.raises(PolicyError) as error:
        cache.store(query(2), Fresh(reason=""), 1.0, 2.0)
    assert_one_line(error, "broken: victim: ", complaint)


def test_a_part_that_raises_when_told_what_is_short_is_named() -> None:
    class Overwhelmed(Naming):
        def short_of(self, short_bytes: int) -> None:
            raise ValueError(f"{short_bytes} bytes are too many")

    size_bytes = EntryForm(kind="compact").size_bytes((1, 0), query(0))
    cache = make_cache(Broken("compact", eviction=Overwhelmed(0)), size_bytes)
    cache.store(query(0), Fresh(reason=""), 1.0, 0.0)
    with pytest.raises(PolicyError) as error:
        cache.store(query(1), Fresh(reason=""), 1.0, 1.0)
    assert_one_line(error, "broken: short_of: ", f"ValueError: {size_bytes} bytes are too many")


def test_removing_a_pinned_or_an_absent_entry_is_refused() -> None:
    cache = make_cache(Broken())
    cache.store(query(0, identity="same"), Fresh(reason=""), 1.0, 0.0)
    cache.find_copy(query(1, identity="same"), 1.0)
    with pytest.raises(PolicyError) as error:
        cache.remove(0, 2.0)
    assert_one_line(error, "remove: entry 0 is pinned")
    cache.release(0, 3.0)
    cache.remove(0, 4.0)
    with pytest.raises(PolicyError) as error:
        cache.remove(0, 5.0)
    assert_one_line(error, "remove: entry 0 is not resident")


def test_nobody_is_evicted_for_an_entry_that_pins_leave_no_room_for() -> None:
    size_bytes = EntryForm(kind="compact").size_bytes((1, 0), query(0))
    cache = make_cache(Broken("compact"), 3 * size_bytes + 1500)
    for sequence in range(3):
        cache.store(query(sequence, identity=str(sequence)), Fresh(reason=""), 1.0, 0.0)
    cache.find_copy(query(3, identity="1"), 1.0)
    large = Query(
        sequence=4,
        namespace="one",
        identity=None,
        steps=50,
        latent_bytes=1000,
        result_bytes=1000 + 2 * size_bytes,
        embedding=[1.0, 0.0],
    )
    stored = cache.store(large, Fresh(reason=""), 1.0, 2.0)
    assert (stored.tier, stored.reason) == (None, "all else is pinned")
    assert len(cache) == 3
    assert cache.evictions == 0


def test_every_part_has_the_name_a_file_gives_it() -> None:
    assert {"fifo", "lfu", "lru", "s3fifo", "sieve"} <= set(EVICTIONS)
    assert SIZINGS["fixed"].make is Fixed
    assert SIZINGS["fixed"].config is FixedConfig
    assert ADMISSIONS["always"].make is Always
    assert ADMISSIONS["always"].config is AlwaysConfig
    assert "bands" in REUSES
