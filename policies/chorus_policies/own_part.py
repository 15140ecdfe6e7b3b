"""A part, or a whole policy, from a Python file of one's own: ``./mine.py:Mine``.

Naming a file runs it, with all rights of the process: name only files you trust. The SHA-256 of the
source is part of the policy's fingerprint, and a file that changes during a run is refused.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from chorus_policies.entry import EntryForm
from chorus_policies.parts import Setting
from chorus_traces.errors import ChorusError, PolicyError, unknown

_MARK = ".py:"

#: The methods that make a class a part of each section; a class with the sections' names as
#: methods is a whole policy.
_METHODS = {
    "eviction": ("admitted", "hit", "removed", "victim"),
    "reuse": ("plan", "floor", "span"),
    "admission": ("admit",),
    "sizing": ("capacity",),
}

WHOLE = "policy"


class NoNumbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a part has whose file defines no ``Config``."""


class OwnPart(msgspec.Struct, frozen=True):
    """A class found in a file: what it is a part of, its numbers, and the hash of its source."""

    kind: str
    section: str
    made_by: type[Any]
    config: type[Any]
    source_sha256: str


def is_own(kind: object) -> bool:
    """Tell whether ``kind`` names a class in a Python file."""
    return isinstance(kind, str) and _MARK in kind


def find_own(kind: str, folder: Path) -> OwnPart:
    """Return the class that ``kind`` names; a relative path starts at ``folder``.

    Raises ``PolicyError`` if the file cannot be read or run, or has no such class, or the class is
    no part of a policy.
    """
    file, _, name = kind.rpartition(":")
    path = (folder / file).resolve()
    module, digest = _load(path)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise PolicyError(f"{path}: {unknown('class', name, classes)}")
    config = getattr(module, "Config", NoNumbers)
    if not (isinstance(config, type) and issubclass(config, msgspec.Struct)):
        raise PolicyError(f"{path}: Config is {config!r}; a msgspec.Struct is needed")
    section = _section_of(found, path)
    # A whole policy brings its own numbers; the Config is that of a part beside it.
    config = NoNumbers if section == WHOLE else config
    return OwnPart(f"{path}:{name}", section, found, config, digest)


def make_own(part: OwnPart, section: str, config: Any, setting: Setting, seed: int) -> Any:
    """Return a new part for ``section``.

    A part is made from its ``Config``, if its file defines one, and a ``Setting``; a whole policy
    from nothing, and is then asked for its part. Raises ``PolicyError`` if that fails.
    """
    try:
        if part.section == WHOLE:
            whole = make_whole(part)
            if section == "reuse":
                return whole.reuse(seed)
            return getattr(whole, section)(setting.capacity_bytes, seed)
        if part.config is NoNumbers:
            return part.made_by(setting)
        return part.made_by(config, setting)
    except ChorusError:
        raise
    except Exception as error:
        raise PolicyError(
            f"{part.kind}: {section} cannot be made ({type(error).__name__}: {_line(error)}); "
            "a part takes (setting), or (config, setting) where its file has a Config"
        ) from error


def make_whole(part: OwnPart) -> Any:
    """Return a new whole policy, which has a name and an entry form; raise ``PolicyError``."""
    try:
        whole = part.made_by()
    except Exception as error:
        raise PolicyError(
            f"{part.kind}: cannot be made ({type(error).__name__}: {_line(error)}); "
            "a whole policy takes nothing"
        ) from error
    if not isinstance(getattr(whole, "name", None), str):
        raise PolicyError(f"{part.kind}: a whole policy needs a name, a text")
    if not isinstance(getattr(whole, "form", None), EntryForm):
        raise PolicyError(f"{part.kind}: a whole policy needs a form, an EntryForm")
    return whole


def _load(path: Path) -> tuple[ModuleType, str]:
    """Run the file once for each content; return its module and the hash of its source."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); a Python file is needed"
        ) from error
    digest = hashlib.sha256(source).hexdigest()
    name = f"chorus_own_{hashlib.sha256(bytes(path)).hexdigest()[:8]}_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name], digest
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:
        raise PolicyError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - what naming it asks for
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PolicyError(
            f"{path}: fails when it is run ({type(error).__name__}: {_line(error)}); mend the file"
        ) from error
    return module, digest


def _section_of(found: type[Any], path: Path) -> str:
    if all(callable(getattr(found, section, None)) for section in _METHODS):
        return WHOLE
    for section, methods in _METHODS.items():
        if all(callable(getattr(found, method, None)) for method in methods):
            return section
    needed = "; ".join(f"{section}: {', '.join(names)}" for section, names in _METHODS.items())
    raise PolicyError(
        f"{path}: {found.__name__} is no part of a policy; it needs the methods of one ({needed})"
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
