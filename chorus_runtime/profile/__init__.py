"""The profiler: what each stage of a request costs on the device at hand."""

from chorus_runtime.profile.measure import Measured, measure_profile
from chorus_runtime.profile.random_wan import RandomWan

__all__ = ["Measured", "RandomWan", "measure_profile"]
