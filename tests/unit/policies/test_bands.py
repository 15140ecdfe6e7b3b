"""Bands: which plan a neighbour's similarity leads to."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting
from chorus_policies.plan import Fresh, Plan, Regional, Resume
from chorus_policies.reuse.bands import Bands, Config

TABLE: list[dict[str, Any]] = [
    {"similarity": 0.95, "k1": 0.4, "k2": 0.8, "active_share": 0.15, "amplification": 8.0},
    {"similarity": 0.9, "k1": 0.3},
    {"similarity": 0.7, "k1": 0.1},
]


def make(table: list[dict[str, Any]] = TABLE) -> Bands:
    chance = random.Random(0)  # noqa: S311
    return Bands(
        msgspec.convert({"bands": table}, Config), Setting(capacity_bytes=0, chance=chance)
    )


def query(steps: int = 50) -> Query:
    return Query(
        sequence=100, namespace="one", identity=None, steps=steps, latent_bytes=1, result_bytes=1
    )


def entry(key: int, window: tuple[int, int] = (0, 50)) -> Entry:
    return Entry(
        key=key,
        namespace="one",
        identity=None,
        size_bytes=1,
        steps=50,
        first_step=window[0],
        last_step=window[1],
        exact=True,
        donor=None,
        donor_similarity=0.0,
        cost_s=1.0,
    )


COMPACT = (1, 0)


def plan(*neighbours: tuple[Entry, float], steps: int = 50, bands: Bands | None = None) -> Plan:
    return (bands or make()).plan(query(steps), iter(neighbours), 0.0)


def test_without_a_neighbour_everything_is_computed() -> None:
    assert plan() == Fresh(reason="no neighbour")


def test_a_band_with_k2_plans_regional_reuse_with_its_own_numbers() -> None:
    assert plan((entry(7), 0.97)) == Regional(
        donor=7,
        similarity=0.97,
        k1=20,
        k2=40,
        active_share=0.15,
        amplification=8.0,
        reason="similarity >= 0.95",
    )


def test_a_band_without_k2_plans_full_reuse_only() -> None:
    assert plan((entry(7), 0.93)) == Resume(
        donor=7, similarity=0.93, k1=15, amplification=8.0, reason="similarity >= 0.9"
    )


def test_a_similarity_on_the_border_belongs_to_the_higher_band() -> None:
    assert isinstance(plan((entry(7), 0.95)), Regional)
    assert isinstance(plan((entry(7), 0.9499)), Resume)


def test_a_donor_without_the_step_latents_is_resumed_from_k1() -> None:
    answer = plan((entry(7, COMPACT), 0.97))
    assert answer == Resume(
        donor=7, similarity=0.97, k1=20, amplification=8.0, reason="similarity >= 0.95"
    )


def test_a_donor_that_holds_part_of_the_window_is_resumed_too() -> None:
    assert isinstance(plan((entry(7, (21, 50)), 0.97)), Resume)
    assert isinstance(plan((entry(7, (0, 39)), 0.97)), Resume)
    assert isinstance(plan((entry(7, (20, 40)), 0.97)), Regional)


def test_a_donor_that_cannot_serve_gives_way_to_the_next_best() -> None:
    bands = make([{"similarity": 0.9, "k1": 0.0, "k2": 0.5}])
    answer = plan((entry(7, COMPACT), 0.99), (entry(3), 0.92), bands=bands)
    assert isinstance(answer, Regional)
    assert (answer.donor, answer.similarity) == (3, 0.92)


def test_if_no_donor_can_serve_the_reason_says_so() -> None:
    bands = make([{"similarity": 0.9, "k1": 0.0, "k2": 0.5}])
    answer = plan((entry(7, COMPACT), 0.99), bands=bands)
    assert answer == Fresh(reason="donor lacks the step latents")


def test_shares_are_rounded_down_to_whole_steps() -> None:
    answer = plan((entry(7), 0.97), steps=4)
    assert isinstance(answer, Regional)
    assert (answer.k1, answer.k2) == (1, 3)


@pytest.mark.parametrize("steps", [10, 20, 30, 40, 50, 100])
def test_a_share_that_is_a_whole_number_of_steps_stays_whole(steps: int) -> None:
    answer = plan((entry(7), 0.93), steps=steps, bands=make([{"similarity": 0.9, "k1": 0.3}]))
    assert isinstance(answer, Resume)
    assert answer.k1 == steps * 3 // 10


def test_the_end_of_srd_stays_whole_as_well() -> None:
    """58 % of 50 steps are 28.999999999999996 in floating point."""
    bands = make([{"similarity": 0.9, "k1": 0.2, "k2": 0.58}])
    answer = plan((entry(7), 0.93), steps=50, bands=bands)
    assert isinstance(answer, Regional)
    assert answer.k2 == 29


def test_a_band_that_saves_no_whole_step_plans_nothing() -> None:
    assert plan((entry(7), 0.8), steps=4) == Fresh(reason="band saves no whole step")


def test_an_active_share_of_everything_is_full_reuse_only() -> None:
    bands = make([{"similarity": 0.9, "k1": 0.3, "k2": 0.6, "active_share": 1.0}])
    assert isinstance(plan((entry(7), 0.95), bands=bands), Resume)
    assert bands.span(50) == (1, 0)


def test_the_floor_is_the_lowest_band() -> None:
    assert make().floor() == 0.7


def test_the_span_covers_the_srd_bands_only() -> None:
    assert make().span(50) == (20, 40)
    assert make(TABLE[1:]).span(50) == (1, 0)


def test_a_less_similar_donor_serves_if_it_saves_more_than_the_nearest_can() -> None:
    table = [*TABLE[:1], {"similarity": 0.8, "k1": 0.2, "k2": 0.8, "active_share": 0.2}, TABLE[2]]
    # The nearest holds no window: 20 steps by full reuse. The other saves 10 + 22 * 0.8 = 27.6.
    chosen = plan((entry(3, COMPACT), 0.97), (entry(2), 0.85), bands=make(table))
    assert isinstance(chosen, Regional)
    assert chosen.donor == 2
    # With its window the nearest saves 20 + (20 - 5) * 0.85 = 32.75.
    assert plan((entry(3), 0.97), (entry(2), 0.85), bands=make(table)).donor == 3  # type: ignore[union-attr]


def test_no_more_neighbours_are_read_than_needed() -> None:
    read = []

    def neighbours() -> Iterator[tuple[Entry, float]]:
        for key in (3, 2, 1):
            read.append(key)
            yield entry(key), 0.93

    make().plan(query(), neighbours(), 0.0)
    assert read == [3]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([], "bands is empty"),
        ([{"similarity": 0.0, "k1": 0.5}], "similarity is 0.0"),
        ([{"similarity": 1.1, "k1": 0.5}], "similarity is 1.1"),
        ([{"similarity": float("nan"), "k1": 0.5}], "similarity is nan"),
        ([{"similarity": 0.9, "k1": 1.0}], "k1 is 1.0"),
        ([{"similarity": 0.9, "k1": -0.1}], "k1 is -0.1"),
        ([{"similarity": 0.9, "k1": 0.5, "k2": 0.4}], "k2 is 0.4"),
        ([{"similarity": 0.9, "k1": 0.5, "k2": 1.1}], "k2 is 1.1"),
        ([{"similarity": 0.9, "k1": 0.5, "active_share": 0.0}], "active_share is 0.0"),
        ([{"similarity": 0.9, "k1": 0.5, "amplification": 0.5}], "amplification is 0.5"),
        ([{"similarity": 0.9, "k1": 0.5, "amplification": float("inf")}], "amplification is inf"),
        (
            [{"similarity": 0.8, "k1": 0.5}, {"similarity": 0.8, "k1": 0.4}],
            "similarities must fall",
        ),
    ],
)
def test_impossible_numbers_are_refused(table: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        make(table)
