"""The trace: requests in arrival order, with their embeddings where they are known."""

import hashlib
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from chorus_traces.errors import TraceError
from chorus_traces.request import Request

FloatMatrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Requests in arrival order; ``embeddings`` has shape ``(requests, width)``, rows of length 1.

    ``name`` is for people (usually the file's path). ``embedder`` names the model that made the
    embeddings; similarity thresholds have a meaning only together with it.

    Raises ``TraceError`` when the trace is empty, goes back in time, or the embeddings do not fit.
    """

    name: str
    requests: tuple[Request, ...]
    embeddings: FloatMatrix | None = None
    embedder: str | None = None

    def __post_init__(self) -> None:
        if not self.requests:
            raise TraceError(f"{self.name}: no requests; at least one is needed")
        for before, after in zip(self.requests, self.requests[1:], strict=False):
            if after.arrival_s < before.arrival_s:
                raise TraceError(
                    f"{self.name}: request {after.id!r}: arrival_s {after.arrival_s} is before "
                    f"{before.arrival_s}; arrivals must not go back (sort the file)"
                )
        if self.embeddings is not None and len(self.embeddings) != len(self.requests):
            raise TraceError(
                f"{self.name}: {len(self.embeddings)} embeddings for {len(self.requests)} requests;"
                " one row per request is needed"
            )

    def __len__(self) -> int:
        return len(self.requests)

    def with_embeddings(self, matrix: npt.NDArray[np.floating], embedder: str) -> "Trace":
        """Return the trace with ``matrix`` (requests, width), checked and brought to length 1."""
        return replace(self, embeddings=unit_rows(matrix, where=self.name), embedder=embedder)

    def sha256(self) -> str:
        """Hash of the requests alone: equal for equal content whatever file format carried it."""
        digest = hashlib.sha256()
        encoder = msgspec.json.Encoder(order="sorted")
        for request in self.requests:
            digest.update(encoder.encode(request))
            digest.update(b"\n")
        return digest.hexdigest()


#: Rows made wide at a time, so that a million vectors do not need three times their memory.
_ROWS_AT_A_TIME = 16_384


def unit_rows(matrix: npt.NDArray[np.floating], *, where: str) -> FloatMatrix:
    """Return ``matrix`` with rows of length 1 as float32, computed in float64.

    Raises ``TraceError`` naming the first row that is not finite or has no direction.
    """
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise TraceError(f"{where}: embeddings of shape {matrix.shape}; need (requests, width)")
    rows: FloatMatrix = np.empty(matrix.shape, dtype=np.float32)
    for first in range(0, len(matrix), _ROWS_AT_A_TIME):
        wide = matrix[first : first + _ROWS_AT_A_TIME].astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        bad = np.flatnonzero(~np.isfinite(norms) | (norms < 1e-6))
        if bad.size:
            raise TraceError(
                f"{where}: embedding of row {first + int(bad[0])} is not finite or has length 0; "
                "finite vectors are needed (embed the trace again)"
            )
        rows[first : first + _ROWS_AT_A_TIME] = wide / norms[:, None]
    return rows
