"""A stand-in for all-MiniLM-L6-v2 that embeds a million generated prompts in a minute.

Each word gets a vector such that the sum over a prompt's words comes closest, by least squares, to
what MiniLM makes of 40,000 generated prompts. The generator knows about 2,500 words, so nothing is
unknown. ``study.py`` reports how near the stand-in's graph comes to MiniLM's own.
"""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import scipy.sparse

from chorus_traces.trace import Trace

_WORD = re.compile(r"[a-z0-9']+")

#: Keeps words seen a few times near zero; a larger one blurs, a smaller one fits noise.
_RIDGE = 0.3

#: Prompts embedded at a time.
_CHUNK = 20_000


class StandIn:
    """Word vectors fitted to the embeddings a trace carries."""

    def __init__(self, trace: Trace) -> None:
        rows = {request.prompt: row for row, request in enumerate(trace.requests)}
        self._number: dict[str, int] = {}
        for prompt in rows:
            for word in _WORD.findall(prompt.lower()):
                self._number.setdefault(word, len(self._number))
        words = self._words(rows)
        gram = (words.T @ words).toarray() + _RIDGE * np.eye(len(self._number), dtype=np.float32)
        self._vectors = np.linalg.solve(gram, words.T @ trace.embeddings[list(rows.values())])

    def embed(self, prompts: list[str]) -> npt.NDArray[np.float32]:
        """Return vectors of length 1, shape ``(prompts, width)``; equal prompts have equal ones."""
        vectors = np.empty((len(prompts), self._vectors.shape[1]), np.float32)
        for low in range(0, len(prompts), _CHUNK):
            part = self._words(prompts[low : low + _CHUNK]) @ self._vectors
            vectors[low : low + _CHUNK] = part / np.linalg.norm(part, axis=1, keepdims=True)
        return vectors

    def _words(self, prompts: Iterable[str]) -> scipy.sparse.csr_matrix:
        """Return word counts over the root of the length, shape ``(prompts, words)``."""
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for prompt in prompts:
            counts = Counter(
                number
                for word in _WORD.findall(prompt.lower())
                if (number := self._number.get(word)) is not None
            )
            scale = max(1, counts.total()) ** -0.5
            columns += counts.keys()
            values += [count * scale for count in counts.values()]
            ends.append(len(columns))
        shape = (len(ends) - 1, len(self._number))
        return scipy.sparse.csr_matrix((np.array(values, np.float32), columns, ends), shape=shape)
