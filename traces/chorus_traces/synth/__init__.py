"""Synthetic traces with the laws of real ones: sessions of edit chains, users, days."""

from chorus_traces.synth.generate import generate
from chorus_traces.synth.spec import SynthSpec
from chorus_traces.synth.studio_day import STUDIO_DAY, STUDIO_DAY_SEED, studio_day, write_studio_day

__all__ = [
    "STUDIO_DAY",
    "STUDIO_DAY_SEED",
    "SynthSpec",
    "generate",
    "studio_day",
    "write_studio_day",
]
