"""Every part a policy file can name, by kind."""

from collections.abc import Callable
from typing import Any

import msgspec

from chorus_policies.admission import always, on_miss, second_sight, tinylfu
from chorus_policies.admission import qlru_dc as qlru_dc_admission
from chorus_policies.eviction import (
    bundle,
    duel,
    fifo,
    gdsf,
    lcbfu,
    lfu,
    lfu_aged,
    lru,
    qlru_dc,
    random,
    rnd_lru,
    s3fifo,
    sieve,
    sim_lru,
    sphere_lfu,
    superseded,
    worth,
)
from chorus_policies.reuse import bands, error_budget, linear
from chorus_policies.sizing import fixed, priced


class PartClass(msgspec.Struct, frozen=True):
    """How to check a part's numbers, and how to make the part from them and a ``Setting``."""

    config: type[Any]
    make: Callable[..., Any]


REUSES = {
    "bands": PartClass(bands.Config, bands.Bands),
    "error_budget": PartClass(error_budget.Config, error_budget.ErrorBudget),
    "linear": PartClass(linear.Config, linear.Linear),
}

ADMISSIONS = {
    "always": PartClass(always.Config, always.Always),
    "on_miss": PartClass(on_miss.Config, on_miss.OnMiss),
    "qlru_dc": PartClass(qlru_dc_admission.Config, qlru_dc_admission.QlruDc),
    "second_sight": PartClass(second_sight.Config, second_sight.SecondSight),
    "tinylfu": PartClass(tinylfu.Config, tinylfu.TinyLfu),
}

EVICTIONS = {
    "bundle": PartClass(bundle.Config, bundle.Bundle),
    "duel": PartClass(duel.Config, duel.Duel),
    "fifo": PartClass(fifo.Config, fifo.Fifo),
    "gdsf": PartClass(gdsf.Config, gdsf.Gdsf),
    "lcbfu": PartClass(lcbfu.Config, lcbfu.Lcbfu),
    "lfu": PartClass(lfu.Config, lfu.Lfu),
    "lfu_aged": PartClass(lfu_aged.Config, lfu_aged.LfuAged),
    "lru": PartClass(lru.Config, lru.Lru),
    "qlru_dc": PartClass(qlru_dc.Config, qlru_dc.QlruDc),
    "random": PartClass(random.Config, random.Random),
    "rnd_lru": PartClass(rnd_lru.Config, rnd_lru.RndLru),
    "s3fifo": PartClass(s3fifo.Config, s3fifo.S3Fifo),
    "sieve": PartClass(sieve.Config, sieve.Sieve),
    "sim_lru": PartClass(sim_lru.Config, sim_lru.SimLru),
    "sphere_lfu": PartClass(sphere_lfu.Config, sphere_lfu.SphereLfu),
    "superseded": PartClass(superseded.Config, superseded.Superseded),
    "worth": PartClass(worth.Config, worth.Worth),
}

SIZINGS = {
    "fixed": PartClass(fixed.Config, fixed.Fixed),
    "priced": PartClass(priced.Config, priced.Priced),
}
