"""Masks: which tokens of the latent must differ from the donor. No model, no segmenter needed."""

from chorus_runtime.masks.region import MaskSettings, Region, find_region
from chorus_runtime.masks.score import Scene, Segmenter, attention_score, velocity_score

__all__ = [
    "MaskSettings",
    "Region",
    "Scene",
    "Segmenter",
    "attention_score",
    "find_region",
    "velocity_score",
]
