"""Attention: stored keys and values, TGAA, and attention maps, inside stock diffusers models."""

from chorus_runtime.attention.directive import IDLE, Capture, Directive, TokenBias
from chorus_runtime.attention.install import installed
from chorus_runtime.attention.state import AttentionState

__all__ = ["IDLE", "AttentionState", "Capture", "Directive", "TokenBias", "installed"]
