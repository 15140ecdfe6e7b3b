"""Every part of the catalogue, and every preset, keeps the contract; a broken part is found out."""

import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from chorus_policies.admission.always import Always
from chorus_policies.catalogue import ADMISSIONS, EVICTIONS, REUSES, SIZINGS
from chorus_policies.eviction.lru import Config, Lru
from chorus_policies.parts import Setting
from chorus_policies.plan import Copy, Regional, Resume
from chorus_policies.policy import load_policy, parse_policy, preset_names
from chorus_policies.reuse.bands import Bands
from chorus_policies.sizing.fixed import Fixed
from chorus_policies.testing import (
    check_admission,
    check_eviction,
    check_policy,
    check_reuse,
    check_sizing,
    no_clock_or_global_chance,
)
from chorus_traces.errors import PolicyError

#: What a part needs beyond its defaults.
BANDS = [{"similarity": 0.9, "k1": 0.4, "k2": 0.7}, {"similarity": 0.7, "k1": 0.2}]
NUMBERS: dict[str, dict[str, Any]] = {
    "bands": {"bands": BANDS},
    # Nothing is judged in a check, so all reuse is exploring.
    "error_budget": {"bands": BANDS, "delta": 0.98, "epsilon": 0.98},
}


def maker(catalogue: Any, kind: str) -> Callable[[Setting], Any]:
    part = catalogue[kind]
    config = msgspec.convert(NUMBERS.get(kind, {}), part.config)
    return lambda setting: part.make(config, setting)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", sorted(EVICTIONS))
def test_an_eviction_keeps_the_contract(kind: str, seed: int) -> None:
    exercise = check_eviction(maker(EVICTIONS, kind), seed=seed)
    assert exercise.evictions > 800
    assert exercise.hits > 1000


@pytest.mark.parametrize("kind", sorted(ADMISSIONS))
def test_an_admission_keeps_the_contract(kind: str) -> None:
    assert check_admission(maker(ADMISSIONS, kind)).admissions > 0


@pytest.mark.parametrize("kind", sorted(SIZINGS))
def test_a_sizing_keeps_the_contract(kind: str) -> None:
    check_sizing(maker(SIZINGS, kind))


@pytest.mark.parametrize("kind", sorted(REUSES))
def test_a_reuse_keeps_the_contract(kind: str) -> None:
    assert check_reuse(maker(REUSES, kind)).hits > 1000


@pytest.mark.parametrize("kind", sorted(EVICTIONS))
def test_a_policy_with_each_eviction_keeps_the_contract(kind: str) -> None:
    text = f"reuse.bands = [{{similarity = 0.9, k1 = 0.3, k2 = 0.6}}]\neviction.kind = '{kind}'"
    exercise = check_policy(parse_policy(text, where="contract", name=kind))
    assert exercise.evictions > 1000
    assert exercise.hits > 1000


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_keeps_the_contract(name: str) -> None:
    assert check_policy(load_policy(name)).hits > 100


class Stale(Lru):
    """Goes on naming an entry that has left."""

    def removed(self, key: int, now: float) -> None:
        if key % 50:
            super().removed(key, now)


class Careless(Lru):
    """Does not look at pins."""

    def victim(self, pinned: Any, now: float) -> int:
        return next(iter(self._order))


class Restless(Lru):
    """Answers differently when asked again."""

    def victim(self, pinned: Any, now: float) -> int:
        key = super().victim(pinned, now)
        self._order.move_to_end(key)
        return key


class Loner(Lru):
    """Takes chance from elsewhere than its setting."""

    made = 0

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__(config, setting)
        type(self).made += 1
        self._newest_first = type(self).made % 2 == 0

    def victim(self, pinned: Any, now: float) -> int:
        keys = reversed(self._order) if self._newest_first else iter(self._order)
        return next(key for key in keys if key not in pinned)


class Plodding(Lru):
    """Goes through all entries for each victim."""

    def victim(self, pinned: Any, now: float) -> int:
        return [key for key in self._order if key not in pinned][0]  # noqa: RUF015 - the defect


class Clocked(Lru):
    """Reads a clock."""

    def hit(self, entry: Any, plan: Any, now: float) -> None:
        super().hit(entry, plan, time.monotonic())


class Lucky(Lru):
    """Reads global chance."""

    def hit(self, entry: Any, plan: Any, now: float) -> None:
        if random.random() < 0.5:  # noqa: S311 - the defect
            super().hit(entry, plan, now)


class Raising(Lru):
    """Raises what comes to hand."""

    def hit(self, entry: Any, plan: Any, now: float) -> None:
        raise ZeroDivisionError(f"about {entry.key}")


class Resenting(Lru):
    """Raises when told how much room is to be made."""

    def short_of(self, short_bytes: int) -> None:
        raise ZeroDivisionError(f"{short_bytes} bytes")


class Forgetting(Lru):
    """Takes an entry that becomes smaller for one that has left."""

    def trimmed(self, entry: Any, now: float) -> None:
        super().removed(entry.key, now)


class Fickle(Lru):
    """Takes a shortage for a reason to answer differently each time."""

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__(config, setting)
        self._left = 0

    def short_of(self, short_bytes: int) -> None:
        self._left = short_bytes

    def victim(self, pinned: Any, now: float) -> int:
        self._left -= 1
        keys = reversed(self._order) if self._left % 2 else iter(self._order)
        return next(key for key in keys if key not in pinned)


class Curious(Lru):
    """Reads every neighbour of every lookup."""

    def watched(self, query: Any, plan: Any, options: Any, now: float) -> None:
        list(options)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Raising, r"Raising: hit (\d+): the part raised ZeroDivisionError: about \1;"),
        (Curious, "at most 64 a lookup are allowed"),
        (Resenting, r"Resenting: short_of: the part raised ZeroDivisionError: \d+ bytes;"),
        (Forgetting, r"Forgetting: (hit|removed) \d+: the part raised KeyError: "),
        (Fickle, "when asked again"),
        (Stale, "is not resident"),
        (Careless, "is pinned"),
        (Restless, "when asked again"),
        (Loner, "from an instance told and given the same"),
        (Plodding, "at most 64 a call are allowed"),
        (Clocked, "time.monotonic was called"),
        (Lucky, "random.random was called"),
    ],
)
def test_a_broken_eviction_is_found_out(broken: type[Lru], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        check_eviction(lambda setting: broken(Config(), setting))


def test_a_script_too_short_to_prove_anything_is_refused() -> None:
    with pytest.raises(PolicyError, match="only 0 evictions; 2 are needed"):
        check_eviction(maker(EVICTIONS, "lru"), rounds=40)


def test_an_admission_that_answers_no_bool_is_found_out() -> None:
    class Vague(Always):
        def admit(self, candidate: Any, victim: Any, now: float) -> Any:
            return victim

    make = ADMISSIONS["always"]
    with pytest.raises(PolicyError, match="True or False is needed"):
        check_admission(lambda setting: Vague(make.config(), setting))


def test_a_sizing_that_answers_a_fraction_is_found_out() -> None:
    class Halved(Fixed):
        def capacity(self, now: float) -> Any:
            return super().capacity(now) / 2

    with pytest.raises(PolicyError, match="a whole number of bytes"):
        check_sizing(lambda setting: Halved(SIZINGS["fixed"].config(), setting))


def test_a_sizing_that_changes_within_an_instant_is_found_out() -> None:
    class Shrinking(Fixed):
        def capacity(self, now: float) -> int:
            self._capacity_bytes -= 1
            return self._capacity_bytes

    with pytest.raises(PolicyError, match="to the same question"):
        check_sizing(lambda setting: Shrinking(SIZINGS["fixed"].config(), setting))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Copy(donor=0), "only the cache knows identical requests"),
        (Resume(donor=99, similarity=0.9, k1=1, reason=""), "was not among the neighbours shown"),
        (Resume(donor=0, similarity=2.0, k1=1, reason=""), "was shown"),
        (
            Regional(donor=0, similarity=0, k1=3, k2=2, active_share=1, amplification=1, reason=""),
            "k1 3, k2 2",
        ),
    ],
)
def test_a_broken_reuse_is_found_out(answer: Any, complaint: str) -> None:
    class Fixated(Bands):
        def plan(self, query: Any, neighbours: Any, now: float) -> Any:
            plan = super().plan(query, shown := list(neighbours), now)
            if not shown:
                return plan
            same = answer.similarity == 0
            return msgspec.structs.replace(answer, similarity=shown[0][1]) if same else answer

    config = msgspec.convert(NUMBERS["bands"], REUSES["bands"].config)
    with pytest.raises(PolicyError, match=complaint):
        check_reuse(lambda setting: Fixated(config, setting))


def test_clocks_and_chance_come_back_after_the_guard_even_on_an_error() -> None:
    before = (time.time, random.random, np.random.rand)
    with pytest.raises(PolicyError, match=r"numpy\.random\.rand was called"):  # noqa: SIM117
        with no_clock_or_global_chance():
            np.random.rand()  # noqa: NPY002 - the defect
    assert (time.time, random.random, np.random.rand) == before
    assert time.time() > 0
