"""Embeddings in files of their own: given by name, or lying beside a trace.

Beside ``STEM.jsonl`` (whatever its format) ``STEM.embeddings.npy`` holds one float16 row per
request and ``STEM.embeddings.json`` says ``{"embedder": ..., "prompts_sha256": ...}``. The hash,
where stated, guards against embeddings of other prompts than the trace has.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from chorus_traces.atomic import replacing
from chorus_traces.errors import TraceError
from chorus_traces.matrix_file import load_matrix
from chorus_traces.rows import split_name
from chorus_traces.trace import Trace, unit_rows


class _Note(msgspec.Struct, omit_defaults=True):
    """What is known of embeddings beside a trace."""

    embedder: str | None = None
    prompts_sha256: str | None = None


def sidecar_paths(trace_path: Path) -> tuple[Path, Path]:
    """Return the paths of the embeddings and of their note beside a trace."""
    stem = split_name(trace_path)[0]
    folder = trace_path.parent
    return folder / f"{stem}.embeddings.npy", folder / f"{stem}.embeddings.json"


def attach_embeddings(trace: Trace, path: Path, *, embedder: str | None = None) -> Trace:
    """Return the trace with the matrix ``(requests, width)`` of an ``.npy`` file.

    Raises ``TraceError`` when the file is not such a matrix of finite numbers.
    """
    matrix = load_matrix(path)
    if matrix.ndim != 2 or matrix.shape[1] == 0 or len(matrix) != len(trace):
        raise TraceError(
            f"{path}: a matrix of shape {matrix.shape}; ({len(trace)}, width) is needed, one row "
            f"per request of {trace.name} (embed the trace again)"
        )
    rows = unit_rows(matrix, where=str(path))
    return replace(trace, embeddings=rows, embedder=embedder)


def attach_beside(trace: Trace, trace_path: Path) -> Trace:
    """Return the trace with the embeddings beside it, or as it is where there are none."""
    matrix_path, note_path = sidecar_paths(trace_path)
    if not matrix_path.exists():
        return trace
    note = _note(note_path)
    if note.prompts_sha256 not in (None, prompts_sha256(r.prompt for r in trace.requests)):
        raise TraceError(
            f"{matrix_path}: made for other prompts than those of {trace.name}; matching "
            "embeddings are needed (embed the trace again or remove the file)"
        )
    return attach_embeddings(trace, matrix_path, embedder=note.embedder)


def write_beside(trace: Trace, trace_path: Path) -> None:
    """Write the trace's embeddings beside it; remove those of an earlier trace if it has none."""
    matrix_path, note_path = sidecar_paths(trace_path)
    if trace.embeddings is None:
        matrix_path.unlink(missing_ok=True)
        note_path.unlink(missing_ok=True)
        return
    note = _Note(
        embedder=trace.embedder,
        prompts_sha256=prompts_sha256(request.prompt for request in trace.requests),
    )
    with replacing(note_path) as stream:
        stream.write(msgspec.json.encode(note) + b"\n")
    with replacing(matrix_path) as stream:
        np.save(stream, trace.embeddings.astype(np.float16), allow_pickle=False)


def prompts_sha256(prompts: Iterable[str]) -> str:
    """Return the hash of prompts in their order."""
    digest = hashlib.sha256()
    for prompt in prompts:
        encoded = prompt.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _note(path: Path) -> _Note:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Note)
    except FileNotFoundError:
        return _Note()
    except (OSError, ValueError) as error:
        raise TraceError(
            f"{path}: cannot be used ({error}); "
            'an object like {"embedder": "NAME"} is needed (mend or remove it)'
        ) from None
