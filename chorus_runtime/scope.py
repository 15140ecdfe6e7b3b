"""Whose latents a store holds."""

import hashlib

from chorus_runtime.models.video_model import VideoModel
from chorus_runtime.prompt_vector import PromptEmbedder


def store_scope(model: VideoModel, embedder: PromptEmbedder) -> str:
    """Return whose latents a store of ``model`` holds, in words that differ where they do."""
    fixed = model.deployment()
    parts = [fixed.revision, fixed.dtype, fixed.vae, embedder.name]
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()
    return f"{model.name} {digest}"
