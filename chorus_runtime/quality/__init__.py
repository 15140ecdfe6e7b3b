"""Quality: what reuse does to what a prompt asks for, measured where a program can check it."""

from chorus_runtime.quality.modes import MODES, plan_of
from chorus_runtime.quality.pairs import KINDS, Pair, draw_pairs
from chorus_runtime.quality.study import Study, run_study
from chorus_runtime.quality.trial import Trial, read_trials

__all__ = [
    "KINDS",
    "MODES",
    "Pair",
    "Study",
    "Trial",
    "draw_pairs",
    "plan_of",
    "read_trials",
    "run_study",
]
