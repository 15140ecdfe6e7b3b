"""One entry as one safetensors file: written whole or not at all, and checked when read.

The name holds the key and the start of the content's SHA-256, so a changed entry is another file:
the index row says which one counts, and what no row names is swept.
"""

import hashlib
import os
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from chorus_runtime.store.kept import LATENT_DTYPE, Kept, KeptFacts
from chorus_traces.errors import EngineError

#: Ends the names of files that are not finished.
PART = ".part"

SUFFIX = ".safetensors"

_STEP = "step."


def encode(kept: Kept) -> bytes:
    """Return the file's content: latents in bfloat16 and the embedding; the facts as metadata."""
    tensors = {f"{_STEP}{step}": latent for step, latent in kept.steps.items()}
    tensors["finished"] = kept.finished
    content = {
        name: tensor.detach().to("cpu", LATENT_DTYPE).contiguous()
        for name, tensor in tensors.items()
    }
    content["embedding"] = torch.from_numpy(kept.embedding.copy())
    facts = msgspec.json.encode(kept.facts).decode()
    # One item: safetensors writes several in any order, and equal entries are equal files.
    written: bytes = save(content, metadata={"facts": facts})
    return written


def file_name(key: int, sha256: str) -> str:
    """Return the name of an entry's file."""
    return f"{key:012d}-{sha256[:16]}{SUFFIX}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there with all of its content or not at all, even in a crash.

    Raises ``OSError``; nothing is left behind then.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_entry(path: Path, key: int, sha256: str, facts: KeptFacts) -> Kept:
    """Return the entry in a file, on the CPU.

    Raises ``FileNotFoundError``, and ``EngineError`` for a file that cannot be read, or whose
    content is not that of the index.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror})") from error
    return decode(content, str(path), key, sha256, facts)


def decode(content: bytes, place: str, key: int, sha256: str, facts: KeptFacts) -> Kept:
    """Return the entry of a file's content, which was read at ``place``, on the CPU.

    Raises ``EngineError`` where the content is not that of the index.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EngineError(
            f"{place}: damaged: SHA-256 {found[:12]} is not the {sha256[:12]} of the index"
        )
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise EngineError(f"{place}: damaged: not a safetensors file: {error}") from error
    embedding = tensors.pop("embedding").numpy()
    finished = tensors.pop("finished")
    return Kept(
        key=key,
        facts=facts,
        embedding=embedding,
        finished=finished,
        steps={int(name.removeprefix(_STEP)): latent for name, latent in tensors.items()},
    )


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure where folders can be synchronised."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
