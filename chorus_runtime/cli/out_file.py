"""The file a command is to write: tried before anything is computed."""

from collections.abc import Collection
from pathlib import Path

from chorus_traces.errors import EngineError


def check_out_file(path: Path, forms: Collection[str]) -> None:
    """Raise ``EngineError`` unless a file of one of ``forms`` can be made at ``path``."""
    if path.suffix not in forms:
        raise EngineError(f"{path}: the file must end in {' or '.join(forms)}")
    if not path.parent.is_dir():
        raise EngineError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise EngineError(f"{path}: is a folder; name a file")
    trial = path.with_name(f".{path.name}.trial")
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror})") from error
