"""The contract of a sizing part."""

from collections.abc import Callable

from chorus_policies.parts import Setting, Sizing
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.exercise import ask, need
from chorus_policies.testing.samples import make_setting


def check_sizing(make: Callable[[Setting], Sizing], *, seed: int = 0, rounds: int = 2000) -> None:
    """Check that a sizing part answers whole bytes >= 0, the same for equal instants."""
    with no_clock_or_global_chance():
        one, other = make(make_setting(seed)), make(make_setting(seed))
        for now in range(rounds):
            capacity, again, twin = (ask(now, part.capacity, now / 7) for part in (one, one, other))
            whole = isinstance(capacity, int) and not isinstance(capacity, bool) and capacity >= 0
            need(whole, f"capacity: {capacity!r}; a whole number of bytes >= 0 is needed")
            need(
                capacity == again == twin,
                f"capacity: {capacity}, {again} and {twin} to the same question",
            )
