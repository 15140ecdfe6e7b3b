"""Adapters: one small class per model family, so that the engine sees them all alike."""

from chorus_runtime.adapters.adapter import Adapter, Passage, TextStates
from chorus_runtime.adapters.choose import adapter_for
from chorus_runtime.adapters.ltx import LtxAdapter
from chorus_runtime.adapters.wan import WanAdapter

__all__ = ["Adapter", "LtxAdapter", "Passage", "TextStates", "WanAdapter", "adapter_for"]
