"""Whether a profile was measured for what a live run served."""

from chorus_policies.costs.profile import Profile
from chorus_sim.live.run import LiveRun
from chorus_traces.errors import ProfileError

#: Versions that change what a stage costs.
_TELLING = ("torch", "diffusers", "chorus-cache", "machine", "cpus", "threads", "gpu", "cuda")

#: The shape of a request, by its names in a profile and in a request.
_SHAPE = ("height", "width", "frames", "steps", "guidance")


def differences(profile: Profile, run: LiveRun) -> list[str]:
    """Return what the profile and the run do not have in common, in words; empty where it fits."""
    facts = run.facts
    found = []
    if profile.model != facts.model:
        found.append(f"model {profile.model} for {facts.model}")
    if profile.device != facts.device:
        found.append(f"device {profile.device} for {facts.device}")
    for name in _TELLING:
        before, now = profile.versions.get(name), facts.versions.get(name)
        if before is not None and now is not None and before != now:
            found.append(f"{name} {before} for {now}")
    for name in _SHAPE:
        wanted = {
            stated if stated is not None else getattr(facts.defaults, name)
            for stated in (getattr(one, name) for one in run.served)
        }
        strange = sorted(
            str(one) for one in wanted if one is not None and one != getattr(profile, name)
        )
        if strange:
            found.append(f"{name} {getattr(profile, name)} for {', '.join(strange)}")
    sizes = {query.latent_bytes for query in run.query_of.values()}
    if sizes - {profile.latent_bytes}:
        found.append(f"latents of {profile.latent_bytes} B for {max(sizes)} B")
    return found


def check_fresh(profile: Profile, run: LiveRun, *, allow_stale: bool) -> list[str]:
    """Return the differences where they are allowed; raise ``ProfileError`` naming them if not."""
    found = differences(profile, run)
    if found and not allow_stale:
        raise ProfileError(
            f"{profile.name} is stale for {run.folder}: measured for {'; '.join(found)}; measure "
            "it again (chorus-runtime profile, chorus-sim calibrate), or state it with "
            "--allow-stale"
        )
    return found
