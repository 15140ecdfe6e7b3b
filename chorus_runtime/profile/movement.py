"""What a cache adds to a request: moving latents, embedding, lookup, handing over to the store."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import count, cycle
from pathlib import Path
from secrets import token_hex

import numpy as np
import torch

from chorus_policies.cache import Cache
from chorus_policies.costs.profile import TierRate
from chorus_policies.entry import Query
from chorus_policies.index import MatrixIndex
from chorus_policies.journal import Journal
from chorus_policies.plan import Fresh
from chorus_policies.policy import load_policy
from chorus_policies.tier import TierSpec
from chorus_runtime.profile.sample import Sample, measure
from chorus_runtime.prompt_vector import PromptEmbedder
from chorus_runtime.store.blobs import open_blobs
from chorus_runtime.store.disk import Disk
from chorus_runtime.store.entry_file import decode, encode
from chorus_runtime.store.kept import LATENT_DTYPE, Kept, KeptFacts
from chorus_runtime.store.store import LatentStore
from chorus_traces.errors import EngineError

#: Bytes moved at a time: an entry of a few latents at 480p.
_MOVED_BYTES = 32 * 2**20

#: Resident entries during a lookup.
ENTRIES = 1000

_WIDTH = 384
_CPU = torch.device("cpu")

_PROMPTS = (
    "a red circle moving left",
    "two astronauts ride a white horse on the moon, cinematic, wide shot",
    "aerial view of snow-covered alpine peaks at dawn, slow pan to the right",
)


def memory_rate(device: torch.device, repeats: int, *, tier: str) -> TierRate:
    """Return the bandwidth between the engine's device and its own memory, or the host's."""
    there = torch.zeros(_MOVED_BYTES, dtype=torch.uint8, device=device)
    on_gpu = device.type == "cuda"
    if tier == "gpu" or not on_gpu:
        target = torch.empty_like(there)
        moved = measure(lambda: target.copy_(there), device, repeats)
        rate = _MOVED_BYTES / moved.median_s
        return TierRate(load_bytes_per_s=rate, store_bytes_per_s=rate, source="measured")
    pinned = torch.zeros(_MOVED_BYTES, dtype=torch.uint8).pin_memory()
    load = measure(lambda: there.copy_(pinned, non_blocking=True), device, repeats)
    store = measure(lambda: pinned.copy_(there, non_blocking=True), device, repeats)
    return TierRate(
        load_bytes_per_s=_MOVED_BYTES / load.median_s,
        store_bytes_per_s=_MOVED_BYTES / store.median_s,
        source="measured",
    )


def disk_rate(folder: Path | None, repeats: int) -> TierRate:
    """Return the bandwidth of the store's own files in ``folder``, checksums included.

    Files just written are read from memory by most systems, so loading is faster than from a
    cold disk.
    """
    large, small = _kept(_MOVED_BYTES), _kept(2)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        disk = Disk(Path(scratch), "profile")
        try:
            store = measure(lambda: disk.write(large), _CPU, repeats)
            row = disk.rows[large.key]
            load = measure(lambda: disk.read(row), _CPU, repeats)
            tiny = disk.write(small)
            latency = measure(lambda: disk.read(tiny), _CPU, repeats)
        finally:
            disk.close()
    return TierRate(
        load_bytes_per_s=_MOVED_BYTES / max(load.median_s - latency.median_s, 1e-9),
        store_bytes_per_s=_MOVED_BYTES / store.median_s,
        latency_s=latency.median_s,
        source="measured",
    )


def shared_rate(url: str, repeats: int) -> TierRate:
    """Return the bandwidth of the shared store at ``url`` from here, checksums included.

    The store is left as it was. Raises ``EngineError`` for one that cannot be used.
    """
    large, small = _kept(_MOVED_BYTES), _kept(2)
    blobs, name = open_blobs(url), f"profile/{token_hex(8)}"

    def put(kept: Kept) -> str:
        content = encode(kept)
        digest = sha256(content).hexdigest()
        blobs.put(name, content)
        return digest

    def get(kept: Kept, digest: str) -> None:
        decode(blobs.get(name), f"{blobs.place}/{name}", kept.key, digest, kept.facts)

    try:
        store = measure(lambda: put(large), _CPU, repeats)
        digest = put(large)
        load = measure(lambda: get(large, digest), _CPU, repeats)
        digest_of_small = put(small)
        latency = measure(lambda: get(small, digest_of_small), _CPU, repeats)
    finally:
        with suppress(EngineError):
            blobs.delete(name)
        blobs.close()
    return TierRate(
        load_bytes_per_s=_MOVED_BYTES / max(load.median_s - latency.median_s, 1e-9),
        store_bytes_per_s=_MOVED_BYTES / store.median_s,
        latency_s=latency.median_s,
        source="measured",
    )


def embedding_time(embedder: PromptEmbedder, repeats: int) -> Sample:
    """Return the time to embed one prompt."""
    prompts = cycle(_PROMPTS)
    return measure(lambda: embedder.embed(next(prompts)), _CPU, 3 * repeats)


def lookup_time(repeats: int) -> Sample:
    """Return the time of one lookup among ``ENTRIES`` entries of one namespace."""
    vectors = np.random.default_rng(0).standard_normal((ENTRIES, _WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tier = TierSpec(name="host", capacity_bytes=2**50)
    policy = load_policy("adaptive")
    index = MatrixIndex()
    cache = Cache(policy, (tier,), index, Journal(keep=False), ghost_index=MatrixIndex())
    for key, vector in enumerate(vectors):
        cache.store(_query(key, vector), Fresh(reason="profile"), 1.0, 0.0)
    numbers = count(ENTRIES)

    def look() -> None:
        number = next(numbers)
        plan = cache.lookup(_query(number, vectors[number % ENTRIES]), 1.0)
        if not isinstance(plan, Fresh):
            cache.release(plan.donor, 1.0)

    return measure(look, _CPU, 10 * repeats)


def hand_over_time(latent_bytes: int, repeats: int) -> Sample:
    """Return what a miss waits for the store: the call, not the copies behind it."""
    kept = _kept(latent_bytes)
    numbers = count()
    with _store() as store:

        def put() -> None:
            store.wait_for_room()
            key = next(numbers)
            store.put(
                Kept(
                    key=key,
                    facts=kept.facts,
                    embedding=kept.embedding,
                    finished=kept.finished,
                    steps={},
                ),
                "host",
            )

        return measure(put, _CPU, 3 * repeats)


@contextmanager
def _store() -> Iterator[LatentStore]:
    store = LatentStore(("host",))
    try:
        yield store
    finally:
        store.close()


def _kept(size_bytes: int) -> Kept:
    finished = torch.randn(size_bytes // LATENT_DTYPE.itemsize).to(LATENT_DTYPE)
    embedding = np.zeros(_WIDTH, dtype=np.float32)
    facts = KeptFacts(
        namespace="profile",
        identity=None,
        prompt="profile",
        seed=0,
        noise_seed=0,
        sigmas=(1.0, 0.0),
        plan=Fresh(reason="profile"),
        cost_s=0.0,
        steps=1,
        latent_bytes=size_bytes,
        result_bytes=0,
        marks=(),
        step_s=1.0,
        srd_full_every=4,
    )
    return Kept(key=size_bytes, facts=facts, embedding=embedding, finished=finished, steps={})


def _query(key: int, vector: np.ndarray) -> Query:
    return Query(
        sequence=key,
        namespace="profile",
        identity=None,
        steps=50,
        latent_bytes=2**20,
        result_bytes=0,
        embedding=vector,
    )
