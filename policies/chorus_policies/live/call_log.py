"""The call log: every call into ``Cache`` in a file, each on disk before the next is made.

A record is its length, its CRC-32 and its bytes (msgpack). A process that is killed leaves at most
one torn record, at the end; reading stops before it. Damage anywhere else is an error.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from chorus_policies.live.calls import Call
from chorus_traces.errors import PolicyError

_MAGIC = b"chorus.calls/1\n"
_HEAD = struct.Struct("<II")


class CallLog:
    """Appends calls to ``path``; a log that is there already goes on after its last whole record.

    Raises ``PolicyError`` for a file that is no call log.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            end = _end_of_whole_records(path)
            self._stream: IO[bytes] = path.open("r+b", buffering=0)
            self._stream.truncate(end)
            self._stream.seek(end)
        else:
            self._stream = path.open("xb", buffering=0)
            self._stream.write(_MAGIC)
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_plain)

    def write(self, call: Call) -> None:
        """Append one call."""
        payload = self._encoder.encode(call)
        self._stream.write(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload)

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._stream.close()


def read_calls(path: Path) -> Iterator[Call]:
    """Yield the calls of a log, in order.

    Raises ``PolicyError`` for an absent file, one that is no call log, and a damaged record.
    """
    decoder = msgspec.msgpack.Decoder(Call)
    for number, payload in enumerate(_payloads(path)):
        try:
            call = decoder.decode(payload)
        except msgspec.MsgspecError as error:
            raise PolicyError(f"{path}: call {number} cannot be read: {error}") from error
        query = call.query
        if query is not None and query.embedding is not None:
            vector = np.frombuffer(query.embedding, dtype=np.float32)
            call = msgspec.structs.replace(
                call, query=msgspec.structs.replace(query, embedding=vector)
            )
        yield call


def _payloads(path: Path) -> Iterator[bytes]:
    data = _read(path)
    place = len(_MAGIC)
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        payload = data[place + _HEAD.size : place + _HEAD.size + length]
        place += _HEAD.size + length
        if len(payload) < length or (place == len(data) and zlib.crc32(payload) != checksum):
            # Torn: the process was killed while it wrote.
            return
        if zlib.crc32(payload) != checksum:
            raise PolicyError(f"{path}: damaged before byte {place}; take the log from a backup")
        yield payload


def _end_of_whole_records(path: Path) -> int:
    return len(_MAGIC) + sum(_HEAD.size + len(payload) for payload in _payloads(path))


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}; a call log is needed") from error
    if not data.startswith(_MAGIC):
        raise PolicyError(f"{path}: not a call log (it does not begin with {_MAGIC.decode()!r})")
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(np.float32, copy=False).tobytes()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written to a call log")
