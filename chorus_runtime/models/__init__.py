"""Models that can be served: diffusers pipelines, and the embedded shapes model."""

from chorus_runtime.models.choose import model_of
from chorus_runtime.models.ltx_pipeline import LtxVideo
from chorus_runtime.models.shapes_model import ShapesVideo
from chorus_runtime.models.video_model import EncodedText, Timing, VideoModel
from chorus_runtime.models.wan_pipeline import WanVideo

__all__ = [
    "EncodedText",
    "LtxVideo",
    "ShapesVideo",
    "Timing",
    "VideoModel",
    "WanVideo",
    "model_of",
]
