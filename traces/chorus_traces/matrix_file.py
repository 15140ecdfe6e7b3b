"""Matrices in ``.npy`` files, read without trust."""

import tokenize
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chorus_traces.errors import TraceError

_NEEDED = "a plain .npy matrix of numbers is needed (numpy.save of a float array)"


def load_matrix(path: Path) -> npt.NDArray[Any]:
    """Return the array of numbers in an ``.npy`` file, mapped to memory.

    Raises ``TraceError`` when the file is absent, damaged, pickled, an archive, or holds no real
    numbers. Its shape is the caller's to check.
    """
    if not path.is_file():
        raise TraceError(f"{path}: no such file; {_NEEDED}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Mapped, so that a header that promises more than the file holds costs no memory.
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    # What numpy's parser of the header lets through when the header is damaged.
    except (
        OSError,
        ValueError,
        EOFError,
        OverflowError,
        SyntaxError,
        tokenize.TokenError,
    ) as error:
        reason = next(iter(str(error).splitlines()), "the file is damaged")
        raise TraceError(f"{path}: not a readable .npy file ({reason}); {_NEEDED}") from None
    if not isinstance(loaded, np.ndarray) or loaded.dtype.kind not in "fiu":
        kind = loaded.dtype if isinstance(loaded, np.ndarray) else "an archive"
        raise TraceError(f"{path}: holds {kind}; {_NEEDED}")
    return loaded
