"""The latent store: what earlier requests left, in tiers of memory and on disk."""

from chorus_runtime.store.kept import LATENT_DTYPE, Kept, KeptFacts
from chorus_runtime.store.store import LatentStore
from chorus_runtime.store.tiers import TIERS

__all__ = ["LATENT_DTYPE", "TIERS", "Kept", "KeptFacts", "LatentStore"]
