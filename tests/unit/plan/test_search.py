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


@given(st.integers(1, 20), st.lists(st.integers(1, NEIGHBOURS), max_size=8))
def test_the_answer_does_not_depend_on_the_guess_where_few_in_a_row_fail(first, gaps):
    """Numbers that pass lie at most ``NEIGHBOURS`` apart from the first to the last of all."""
    passing = {first + sum(gaps[:place]) for place in range(len(gaps) + 1)}
    most = max(passing)
    answers = {fewest(passing.__contains__, guess, most) for guess in range(1, most + 1)}
    assert answers == {first}


@pytest.mark.parametrize(("guess", "answer"), [(1, None), (4, None), (6, 5), (9, None)])
def test_passes_that_end_before_the_last_number_are_found_from_some_guesses_only(guess, answer):
    assert fewest(lambda number: 5 <= number <= 7, guess, 10) == answer
