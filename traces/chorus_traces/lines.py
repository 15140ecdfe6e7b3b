"""Text lines of a file that may be compressed, one at a time."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from chorus_traces.errors import TraceError

#: Compression by the last suffix of a file's name.
COMPRESSIONS = (".gz", ".zst")

#: A line beyond this is no request; reading stops before it fills the memory.
MAX_LINE_BYTES = 2**24

_CHUNK_BYTES = 2**14


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text with its line end) of a UTF-8 file, decompressed by suffix.

    A byte order mark is dropped. Raises ``TraceError`` on a file that cannot be read, is cut off
    inside its compression, has bytes that are not UTF-8, or has a line over ``MAX_LINE_BYTES``.
    """
    with readable(path), path.open("rb") as raw, _decompressed(raw, path.suffix.lower()) as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                raise TraceError(
                    f"{path}:{number}: the line is longer than {MAX_LINE_BYTES} bytes; "
                    "one request per line is needed"
                )
            yield number, _decoded(line, path, number)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn every failure to read ``path`` inside the block to one clear ``TraceError``."""
    try:
        if path.is_dir():
            raise TraceError(f"{path}: is a folder; a trace file is needed")
        yield
    except FileNotFoundError:
        raise TraceError(f"{path}: no such file; check the path") from None
    except EOFError:
        raise TraceError(
            f"{path}: the compressed data ends too early; a complete file is needed "
            "(copy or download it again)"
        ) from None
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError):
        raise TraceError(
            f"{path}: is not valid {path.suffix} data; a file that fits its suffix is needed "
            "(rename it, or copy it again)"
        ) from None
    except OSError as error:
        reason = error.strerror or next(iter(str(error).splitlines()), "damaged")
        raise TraceError(
            f"{path}: cannot be read ({reason}); a complete, readable file is needed"
        ) from None


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TraceError(
            f"{path}:{number}: byte {error.start + 1} of the line is not UTF-8; "
            "UTF-8 text is needed (convert the file)"
        ) from None
    return text.removeprefix("\ufeff") if number == 1 else text


def _decompressed(raw: IO[bytes], suffix: str) -> Any:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if suffix == ".zst":
        return io.BufferedReader(_ZstdStream(raw))
    return raw


class _ZstdStream(io.RawIOBase):
    """Reads zstd frames; unlike the library's own stream it notices a frame that is cut off."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._pending:
            chunk = self._raw.read(_CHUNK_BYTES)
            if not chunk:
                if self._frame is not None:
                    raise EOFError
                return 0
            self._pending = b"".join(self._decode(chunk))
        taken = self._pending[: len(buffer)]
        buffer[: len(taken)] = taken
        self._pending = self._pending[len(taken) :]
        return len(taken)

    def _decode(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            yield self._frame.decompress(chunk)
            if not self._frame.eof:
                return
            chunk = self._frame.unused_data
            self._frame = None
