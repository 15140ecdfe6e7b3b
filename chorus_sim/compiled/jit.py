"""Compile a function with numba and keep the machine code on disk, so that it is compiled once.

The folder is named for the source of every file here and of the policies, whose constants are read
when a function is compiled: numba itself does not notice that what is in another file has changed.
It lies in ``CHORUS_CACHE_DIR`` or the user's cache folder, so a read-only installation is no
hindrance; where that cannot be written either, every process compiles anew. ``NUMBA_CACHE_DIR``
overrides it.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import config

import chorus_policies
from chorus_traces.cache_folder import cache_folder

_F = TypeVar("_F", bound=Callable[..., Any])


def _folder() -> Path | None:
    """Return where machine code is kept, or ``None`` where it cannot be."""
    digest = hashlib.sha256(numba.__version__.encode())
    for package in (Path(__file__).parent, Path(chorus_policies.__file__).parent):
        for source in sorted(package.rglob("*.py")):
            digest.update(source.read_bytes())
    folder = Path(config.CACHE_DIR or cache_folder() / "compiled") / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


_FOLDER = _folder()


def compiled(function: _F) -> _F:
    """Return ``function`` compiled on its first call with arguments of each type.

    It must not make arrays: without numba's memory manager no reference is counted, which took
    nine tenths of the time where arrays travel in tuples.
    """
    return _made(function, inlined=False)


def inlined(function: _F) -> _F:
    """Return ``function`` compiled into whoever calls it.

    For what is small and called often: a tuple of arrays is copied, 50 bytes an array, at each call
    that is left.
    """
    return _made(function, inlined=True)


def _made(function: _F, *, inlined: bool) -> _F:
    before = config.CACHE_DIR
    try:
        if _FOLDER is not None:
            config.CACHE_DIR = str(_FOLDER)
        made = numba.njit(
            cache=_FOLDER is not None,
            nogil=True,
            error_model="numpy",
            forceinline=inlined,
            _nrt=False,
        )(function)
    finally:
        config.CACHE_DIR = before
    return cast("_F", made)
