"""Where what is worth keeping between runs lies: embeddings and graphs."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return ``CHORUS_CACHE_DIR`` where set, else the user's cache folder."""
    stated = os.environ.get("CHORUS_CACHE_DIR")
    return Path(stated) if stated else Path(platformdirs.user_cache_dir("chorus"))
