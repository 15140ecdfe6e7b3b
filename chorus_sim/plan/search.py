"""Search: the smallest number that passes, where passing is nearly monotone.

More GPUs can serve worse under a cache: who starts earlier finds fewer results of others finished.
So a bracket found by doubling and halving is not trusted at its edge: the numbers just below are
tried too, and a pass among them moves the edge down.
"""

from collections.abc import Callable

#: Numbers tried below the edge. More of them cost runs and catch rarer reversals.
NEIGHBOURS = 3


def fewest(passes: Callable[[int], bool], guess: int, most: int) -> int | None:
    """Return the smallest number from 1 to ``most`` that passes, or ``None``.

    Assumed: once a number passes, fewer than ``NEIGHBOURS`` in a row fail up to ``most``, which
    passes. Then ``guess`` saves questions and does not change the answer. Where that does not hold,
    an answer passes and the ``NEIGHBOURS`` just below it fail, but it may depend on ``guess``, and
    ``None`` says no more than that no number asked passes. Each number is asked once.
    """
    known: dict[int, bool] = {}

    def ask(number: int) -> bool:
        if number not in known:
            known[number] = passes(number)
        return known[number]

    start = min(max(1, guess), most)
    bracket = _down(ask, start) if ask(start) else _up(ask, start, most)
    if bracket is None:
        return None
    low, high = bracket
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ask(middle) else (middle, high)
    return _lowest_near(ask, high)


def _down(ask: Callable[[int], bool], passing: int) -> tuple[int, int]:
    step = 1
    while passing > 1:
        lower = max(1, passing - step)
        if not ask(lower):
            return lower, passing
        passing, step = lower, 2 * step
    return 0, 1


def _up(ask: Callable[[int], bool], failing: int, most: int) -> tuple[int, int] | None:
    if failing == most or not ask(most):
        return None
    step = 1
    while True:
        higher = min(most, failing + step)
        if ask(higher):
            return failing, higher
        failing, step = higher, 2 * step


def _lowest_near(ask: Callable[[int], bool], edge: int) -> int:
    lowest, number = edge, edge - 1
    while number >= 1 and lowest - number <= NEIGHBOURS:
        if ask(number):
            lowest = number
        number -= 1
    return lowest
