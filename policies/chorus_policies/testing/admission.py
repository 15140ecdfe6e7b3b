"""The contract of an admission part."""

from collections.abc import Callable

from chorus_policies.parts import Admission, Setting
from chorus_policies.testing.clockless import no_clock_or_global_chance
from chorus_policies.testing.exercise import Exercise, ask, need
from chorus_policies.testing.samples import make_entry, make_setting, script_chance


def check_admission(
    make: Callable[[Setting], Admission], *, seed: int = 0, rounds: int = 2000
) -> Exercise:
    """Check that an admission part answers bools, equal calls equally; return the admissions."""
    exercise = Exercise()
    chance = script_chance(seed)
    with no_clock_or_global_chance():
        pair = make(make_setting(seed)), make(make_setting(seed))
        for sequence in range(rounds):
            candidate = make_entry(sequence, chance)
            victim = make_entry(chance.randrange(sequence + 1), chance) if sequence % 3 else None
            one, other = (
                ask(sequence, part.admit, candidate, victim, float(sequence)) for part in pair
            )
            need(isinstance(one, bool), f"admit: {one!r}; True or False is needed")
            need(
                one == other, f"admit: {one}, but {other} from an instance told and given the same"
            )
            exercise.admissions += one
    return exercise
