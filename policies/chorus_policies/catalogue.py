"""Every part a policy file can name, by kind."""

from collections.abc import Callable
from typing import Any

import msgspec

from chorus_policies.admission import always
from chorus_policies.eviction import fifo, lfu, lru, s3fifo, sieve, superseded
from chorus_policies.reuse import bands
from chorus_policies.sizing import fixed


class PartClass(msgspec.Struct, frozen=True):
    """How to check a part's numbers, and how to make the part from them and a ``Setting``."""

    config: type[Any]
    make: Callable[..., Any]


REUSES = {"bands": PartClass(bands.Config, bands.Bands)}

ADMISSIONS = {"always": PartClass(always.Config, always.Always)}

EVICTIONS = {
    "superseded": PartClass(superseded.Config, superseded.Superseded),
    "fifo": PartClass(fifo.Config, fifo.Fifo),
    "lfu": PartClass(lfu.Config, lfu.Lfu),
    "lru": PartClass(lru.Config, lru.Lru),
    "s3fifo": PartClass(s3fifo.Config, s3fifo.S3Fifo),
    "sieve": PartClass(sieve.Config, sieve.Sieve),
}

SIZINGS = {"fixed": PartClass(fixed.Config, fixed.Fixed)}
