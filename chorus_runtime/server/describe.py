"""``live.json`` and ``policy.toml``: what a run's log needs to be repeated and predicted."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from chorus_policies.policy import Policy, load_policy
from chorus_runtime.clock import now_text
from chorus_runtime.profile.environment import device_name, versions
from chorus_runtime.server.desk import Desk
from chorus_runtime.server.tenants import Tenants
from chorus_runtime.server.workers import Bench
from chorus_traces.errors import EngineError

SCHEMA = "chorus.live/1"


def live_facts(
    desk: Desk, bench: Bench, tenants: Tenants, *, preloaded: int, device: str
) -> dict[str, Any]:
    """Return the facts of a run.

    The entries found at its start have keys below ``first_key``; each request of its trace states
    its own as ``key``. ``device`` is the workers', empty for the model's own.
    """
    chorus = bench.chorus
    model, log = chorus.model, bench.log
    return {
        "schema": SCHEMA,
        "run": "" if log is None else log.path.name,
        "clock": "seconds since this run began; another run's clock begins anew",
        "started": now_text(),
        "model": desk.default.model,
        "deployment": msgspec.to_builtins(chorus.deployment()),
        "defaults": msgspec.to_builtins(desk.default),
        "frames_per_s": bench.clips.frames_per_s,
        "latent_bytes": chorus.latent_bytes(desk.default),
        "srd_full_every": model.engine.settings.refresh_every,
        "embedder": chorus.embedder_name,
        "device": device or device_name(model.device),
        "versions": versions(model.device),
        "policy": {
            "name": chorus.policy.name,
            "fingerprint": chorus.policy.fingerprint,
            "file": "policy.toml",
        },
        "tiers": [
            {"name": tier.name, "capacity_bytes": tier.capacity_bytes} for tier in chorus.tiers
        ],
        "seed": 0,
        "tenants": chorus.deployment().tenants,
        "tenant_names": list(tenants.names),
        "workers": desk.workers.number,
        "queue": desk.rule.waiting,
        "first_key": chorus.first_key,
        "preloaded": preloaded,
    }


def write_policy(policy: Policy, folder: Path) -> None:
    """Write ``policy.toml``, with the files of own parts beside it.

    Raises ``EngineError`` where it would not decide as the policy does.
    """
    table = policy.to_table()
    for section in table.values():
        file, mark, name = _own_part(section)
        if mark:
            shutil.copy(file, folder)
            section["kind"] = f"./{Path(file).name}:{name}"
    path = folder / "policy.toml"
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    again = load_policy(str(path)).fingerprint
    if again != policy.fingerprint:
        raise EngineError(f"{path}: is read as {again}, not as {policy.fingerprint}")


def _own_part(section: object) -> tuple[str, str, str]:
    """Return the file and the class of a section's own part; three empty texts for any other."""
    kind = section.get("kind") if isinstance(section, dict) else None
    file, mark, name = str(kind).rpartition(":")
    return (file, mark, name) if file.endswith(".py") else ("", "", "")
