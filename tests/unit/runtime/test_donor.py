import pytest
import torch
from unit.runtime.tiny import SHAPE, noise

from chorus_runtime.donor import Donor, DonorPath, donor_of_steps
from chorus_runtime.noise import seeded_noise
from chorus_traces.errors import EngineError

CPU = torch.device("cpu")
SIGMAS = (1.0, 0.9, 0.7, 0.4, 0.0)


def stored(*steps, **changed):
    latents = {step: noise(step) for step in steps}
    return donor_of_steps(latents | {int(k[1:]): v for k, v in changed.items()}, SIGMAS)


def path(donor, *needed, renoise=True):
    return DonorPath(donor, needed, SHAPE, CPU, renoise=renoise)


def test_stored_latents_are_found_by_sigma_within_the_tolerance():
    found = path(stored(1, 2), 0.90005, 0.7)
    assert found.form == "stored"
    assert torch.equal(found.at(0.90005), noise(1))
    velocity = (noise(2) - noise(1)) / (0.7 - 0.90005)
    assert torch.equal(found.velocity(0.90005, 0.7), velocity)


def test_a_missing_sigma_is_refused_with_what_there_is():
    with pytest.raises(EngineError, match=r"no latent at sigma 0.4000; it has 0.9000, 0.7000"):
        path(stored(1, 2), 0.9, 0.7, 0.4)
    with pytest.raises(EngineError, match=r"no latent at sigma 0.9003"):
        path(stored(1), 0.9003)


def test_the_compact_form_is_the_straight_path():
    donor = Donor(finished=noise(7), seed=3)
    found = path(donor, 0.7)
    assert found.form == "renoised"
    eps = seeded_noise(SHAPE, 3, CPU)
    assert torch.equal(found.at(0.7), (1 - 0.7) * noise(7) + 0.7 * eps)
    assert torch.equal(found.at(0.0), noise(7))
    assert torch.allclose(found.velocity(0.7, 0.4), eps - noise(7), atol=1e-5)


def test_the_compact_form_does_not_stand_in_for_a_path_unless_allowed():
    donor = Donor(latents=stored(1).latents, finished=noise(7), seed=3)
    with pytest.raises(EngineError, match="finished latent may not stand in for a path"):
        path(donor, 0.9, 0.7, renoise=False)
    assert path(donor, 0.9, 0.7).form == "renoised"
    assert path(donor, 0.9).form == "stored"


def test_half_precision_latents_are_read_as_they_were_stored():
    found = path(stored(s1=noise(1).bfloat16()), 0.9)
    assert torch.equal(found.at(0.9), noise(1).bfloat16().float())


@pytest.mark.parametrize(
    ("latent", "needed"),
    [
        (noise(1)[:, :3], "a donor of the same size is needed"),
        (noise(1)[..., :-2], "a donor of the same size is needed"),
        (noise(1).index_fill(4, torch.tensor([3]), float("nan")), "damaged"),
        (noise(1).index_fill(4, torch.tensor([3]), float("inf")), "damaged"),
        (noise(1).long(), "damaged"),
    ],
)
def test_a_damaged_or_foreign_latent_is_an_error(latent, needed):
    with pytest.raises(EngineError, match=needed):
        path(stored(s1=latent), 0.9)
    with pytest.raises(EngineError, match=needed):
        path(Donor(finished=latent, seed=0), 0.9)


def test_a_compact_donor_needs_both_parts():
    with pytest.raises(EngineError, match="both its finished latent and its seed"):
        Donor(finished=noise(1))
    with pytest.raises(EngineError, match="a weight for each group"):
        Donor(maps=torch.rand(1, 48, 2))


def test_noise_depends_on_the_seed_alone():
    shape = (2, *SHAPE[1:])
    assert torch.equal(seeded_noise(shape, 4, CPU), seeded_noise(shape, 4, CPU))
    each = seeded_noise(shape, (4, 5), CPU)
    assert torch.equal(each[1:], seeded_noise(SHAPE, 5, CPU))
    with pytest.raises(EngineError, match="3 seeds for a batch of 2"):
        seeded_noise(shape, (1, 2, 3), CPU)
