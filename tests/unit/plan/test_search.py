import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_sim.plan.search import NEIGHBOURS, fewest


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 80))
def test_the_first_number_that_passes_is_found_whatever_is_guessed(first, guess, most):
    asked = []

    def passes(number: int) -> bool:
        asked.append(number)
        return number >= first

    assert fewest(passes, guess, most) == (first if first <= most else None)
    assert len(asked) == len(set(asked))


@given(
    st.integers(NEIGHBOURS + 2, 60),
    st.integers(1, 80),
    st.lists(st.booleans(), min_size=NEIGHBOURS, max_size=NEIGHBOURS),
)
def test_a_pass_below_a_failure_is_found_where_it_is_near(edge, guess, below):
    """Numbers from the edge on pass, those just below as drawn, all others fail."""
    passing = {edge - 1 - place for place, one in enumerate(below) if one}
    answer = fewest(lambda number: number >= edge or number in passing, guess, 80)
    assert answer == min([edge, *passing])


def test_few_questions_are_asked_from_a_good_guess():
    asked = []
    fewest(lambda number: asked.append(number) or number >= 100, 101, 10_000)
    assert len(asked) <= NEIGHBOURS + 3


@pytest.mark.parametrize("guess", [1, 7, 50])
def test_nothing_passes_is_said(guess):
    assert fewest(lambda number: False, guess, 50) is None
