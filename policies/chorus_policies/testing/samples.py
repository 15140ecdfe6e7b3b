"""Entries, queries and settings to try a part with."""

import random
from typing import Any

from chorus_policies.entry import Entry, Query
from chorus_policies.parts import Setting

KIB = 1024
CAPACITY_BYTES = 1000 * KIB


def script_chance(seed: int) -> random.Random:
    """Return the chance that chooses what a check does, apart from the chance of the part."""
    return random.Random(f"{seed}/script")  # noqa: S311 - reproducible, not secret


def make_setting(seed: int) -> Setting:
    """Return a tier of 1000 KiB and a new source of chance, equal for equal seeds."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return Setting(capacity_bytes=CAPACITY_BYTES, chance=chance)


def make_query(
    sequence: int, steps: int, identity: str | None = None, embedding: Any = None
) -> Query:
    """Return a query of one of a few users whose latents are 64 KiB each."""
    return Query(
        sequence=sequence,
        namespace="check",
        identity=identity,
        steps=steps,
        latent_bytes=64 * KIB,
        result_bytes=64 * KIB,
        embedding=embedding,
        user=_user_of(sequence),
    )


def _user_of(number: int) -> str | None:
    """Return one of four users, or nobody known."""
    return f"user {number % 4}" if number % 5 else None


def make_entry(key: int, chance: random.Random, steps: int = 50) -> Entry:
    """Return an entry of random size, half of them without step latents or made with reuse.

    Every other one without step latents is renoised.
    """
    donor = None if key == 0 or chance.random() < 0.5 else chance.randrange(key)
    compact = chance.random() < 0.5
    return Entry(
        key=key,
        namespace="check",
        identity=f"identity {chance.randrange(200)}" if donor is None else None,
        size_bytes=chance.randint(1, 5) * KIB,
        steps=steps,
        first_step=1 if compact else 0,
        last_step=0 if compact else steps,
        exact=donor is None,
        donor=donor,
        donor_similarity=0.0 if donor is None else chance.randint(7000, 10_000) / 10_000,
        cost_s=chance.uniform(1.0, 60.0),
        renoised=compact and key % 2 == 0,
        user=_user_of(key),
    )
