"""What a run's ``live.json`` says about the server that wrote it."""

from pathlib import Path

import msgspec

from chorus_policies.costs.profile_book import Shape
from chorus_policies.namespace import Deployment
from chorus_policies.tier import TierSpec
from chorus_traces.errors import ScenarioError

SCHEMA = "chorus.live/1"

FILE = "live.json"


class PolicyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which policy the server ran."""

    name: str
    fingerprint: str


class LiveFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The server of one run.

    ``defaults`` is the shape of a request that states nothing, ``deployment`` what is equal for all
    requests, whether tenants share included. Request n (from 0) has the key ``first_key + n``, and
    ``preloaded`` entries lay in the cache before it. ``started`` is date and time in UTC, as in ISO
    8601, empty where the log does not say.
    """

    schema: str
    model: str
    deployment: Deployment
    defaults: Shape
    latent_bytes: int
    srd_full_every: int
    embedder: str
    device: str
    versions: dict[str, str]
    policy: PolicyFacts
    tiers: tuple[TierSpec, ...]
    seed: int
    workers: int
    first_key: int
    preloaded: int
    started: str = ""


def read_facts(folder: Path) -> LiveFacts:
    """Read ``live.json`` of a folder. Raises ``ScenarioError`` where it cannot be used."""
    path = folder / FILE
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=LiveFacts)
    except OSError as error:
        raise ScenarioError(
            f"{path}: {error.strerror}; the folder of a replay or a server's run is needed"
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be used ({error})") from error
    if facts.schema != SCHEMA:
        raise ScenarioError(f"{path}: schema is {facts.schema!r}; {SCHEMA!r} is needed")
    if not facts.tiers:
        raise ScenarioError(f"{path}: names no tier; a server with a cache is needed")
    return facts
