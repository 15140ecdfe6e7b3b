"""The folder of a study: one sweep at a time, and always the same one."""

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from chorus_sim.outcome import to_json
from chorus_sim.sweep.fields import flattened
from chorus_traces.atomic import replacing
from chorus_traces.errors import ScenarioError

STUDY = "study.json"
_LOCK = ".lock"

#: The difference that is named only where there is no other.
_ORDER = "the order of --grid"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder and hold it; the lock falls with the process, however that ends.

    Raises ``ScenarioError`` if another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ScenarioError(f"--out {folder}: {error.strerror}; name another") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise ScenarioError(
                f"--out {folder}: another sweep is at work in it (process {holder}); wait for it, "
                "or name another folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def begin(folder: Path, study: dict[str, Any]) -> None:
    """Write what the study is into a new folder; in one begun before, check that it is the same.

    Raises ``ScenarioError`` naming what differs, or that the folder holds something else.
    """
    path = folder / STUDY
    if path.exists():
        _same(folder, path, study)
        return
    _refuse_others(folder)
    with replacing(folder / "scenario.toml") as stream:
        stream.write(study["scenario"].encode())
    with replacing(path) as stream:
        stream.write(to_json(study))


def begun(folder: Path) -> bool:
    """Tell whether the folder holds a study, before anything that takes time.

    Raises ``ScenarioError`` if a sweep is at work in it or it holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(f"--out {folder}: a file; name a folder")
    if not (folder / STUDY).exists():
        if folder.is_dir():
            _refuse_others(folder)
        return False
    with locked(folder):
        return True


def _refuse_others(folder: Path) -> None:
    others = [item.name for item in folder.iterdir() if not item.name.startswith(".")]
    if others and others != ["scenario.toml"]:
        raise ScenarioError(
            f"--out {folder}: holds {min(others)} but no {STUDY}; name a new folder"
        )


def _same(folder: Path, path: Path, study: dict[str, Any]) -> None:
    try:
        before = msgspec.json.decode(path.read_bytes())
        had, has = _facts(before), _facts(msgspec.json.decode(to_json(study)))
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ScenarioError(f"{path}: damaged ({error}); name a new --out folder") from error
    for name in sorted({**had, **has}, key=_rank):
        if had.get(name) != has.get(name):
            raise ScenarioError(
                f"--out {folder}: holds another study: {name} was {_short(had.get(name))}, is "
                f"{_short(has.get(name))}; name another folder, or repeat its command"
            )


def _rank(name: str) -> int:
    """Put the grid first, then what follows from it."""
    return 2 if name == _ORDER else 0 if name.startswith("--grid") else 1


def _facts(study: dict[str, Any]) -> dict[str, Any]:
    """Return every fact of a study by a name for people."""
    scenario = flattened(tomllib.loads(study["scenario"]))
    axes = {f"--grid {axis['field']}": axis["values"] for axis in study["axes"]}
    order = {_ORDER: [axis["field"] for axis in study["axes"]]}
    traces = {
        f"{key} of trace {trace['name']}": trace[key]
        for trace in study["traces"]
        for key in ("sha256", "embeddings_sha256")
    }
    policies = {f"policy {name}": print_ for name, print_ in study["policies"].items()}
    profiles = {f"profile {name}": facts["sha256"] for name, facts in study["profiles"].items()}
    curves = {f"quality {name}": sha256 for name, sha256 in study["quality"].items()}
    versions = {f"version of {name}": text for name, text in study["versions"].items()}
    return axes | order | scenario | traces | policies | profiles | curves | versions


def _short(value: Any) -> str:
    if value is None:
        return "absent"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")
