"""How much the speed of one machine differs between runs: what no longer run would average out."""

from collections.abc import Sequence

import numpy as np

from chorus_policies.costs.profile import Profile
from chorus_sim.live.denoised import Made
from chorus_sim.price import denoising_s


def drift_of(runs: Sequence[Sequence[Made]], profile: Profile) -> float:
    """Return the coefficient of variation of the machine's speed between runs.

    A run's speed is its service time over what ``profile``, made of all runs, expects of the same
    plans. What a run of so many requests varies by chance is taken off. 0 for a single run.
    """
    if len(runs) < 2:
        return 0.0
    ratios, chance = [], []
    for made in runs:
        measured = np.array([_measured_s(one) for one in made])
        expected = np.array([_expected_s(one, profile) for one in made])
        ratio = measured.sum() / expected.sum()
        ratios.append(ratio)
        rest = measured - ratio * expected
        chance.append(rest.var(ddof=1) / len(made) / expected.mean() ** 2)
    between = float(np.var(ratios, ddof=1) - np.mean(chance))
    return float(np.sqrt(max(0.0, between)))


def _measured_s(one: Made) -> float:
    return one.record.finish_s - one.record.start_s - one.record.load_s


def _expected_s(one: Made, profile: Profile) -> float:
    stages = ["text_encode", "lookup", "vae_decode", "video_encode", "server"]
    if one.embedded:
        stages.append("embed")
    around_s = sum(float(getattr(profile, name).mean_s) for name in stages)
    return around_s + denoising_s(one.plan, one.record.steps, profile)
