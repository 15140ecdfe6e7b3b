"""The same machine, slower."""

import msgspec

from chorus_policies.costs.profile import Profile
from chorus_sim.workload import SPREAD_STAGES


def slowed(profile: Profile, factor: float) -> Profile:
    """Return the profile of a machine that takes ``factor`` times as long for everything."""
    stages = {
        name: msgspec.structs.replace(stage := getattr(profile, name), mean_s=stage.mean_s * factor)
        for name in SPREAD_STAGES
    }
    curve = tuple(
        msgspec.structs.replace(point, mean_s=point.mean_s * factor) for point in profile.srd_step
    )
    tiers = {
        name: msgspec.structs.replace(
            rate,
            load_bytes_per_s=rate.load_bytes_per_s / factor,
            store_bytes_per_s=rate.store_bytes_per_s / factor,
            latency_s=rate.latency_s * factor,
        )
        for name, rate in profile.tiers.items()
    }
    return msgspec.structs.replace(profile, srd_step=curve, tiers=tiers, **stages)
