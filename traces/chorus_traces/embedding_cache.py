"""Embeddings kept on disk, so that a trace is embedded once."""

import hashlib
import logging
from pathlib import Path

import numpy as np

from chorus_traces.atomic import replacing
from chorus_traces.cache_folder import cache_folder
from chorus_traces.errors import TraceError
from chorus_traces.matrix_file import load_matrix
from chorus_traces.sidecar import prompts_sha256
from chorus_traces.trace import FloatMatrix

_log = logging.getLogger(__name__)


class EmbeddingCache:
    """Matrices ``(prompts, width)`` of float32, one file per model and list of prompts.

    They lie in ``folder``, else in ``CHORUS_CACHE_DIR``, else in the user's cache folder, below
    ``embeddings/``. A file that is damaged counts as absent; a folder that cannot be written
    loses nothing but time. Both give one warning line.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or cache_folder()) / "embeddings"

    def key(self, model_identity: str, prompts: list[str]) -> str:
        """Return the name under which the vectors of ``prompts`` by that model are kept."""
        content = f"float32\n{model_identity}\n{prompts_sha256(prompts)}"
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.folder / f"{key}.npy"

    def load(self, key: str, *, rows: int) -> FloatMatrix | None:
        """Return what is kept under ``key``, or ``None`` if it is absent or damaged."""
        path = self.path(key)
        if not path.exists():
            return None
        try:
            matrix: FloatMatrix = np.array(load_matrix(path))
            sound = matrix.dtype == np.float32 and matrix.ndim == 2 and len(matrix) == rows
        except TraceError:
            sound = False
        if not (sound and np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-3)):
            _log.warning("%s: damaged, the prompts are embedded again", path)
            return None
        return matrix

    def store(self, key: str, matrix: FloatMatrix) -> None:
        """Keep a matrix under ``key``."""
        path = self.path(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as stream:
                np.save(stream, matrix, allow_pickle=False)
        except (OSError, TraceError) as error:
            _log.warning("%s: embeddings are not kept (%s)", self.folder, error)
