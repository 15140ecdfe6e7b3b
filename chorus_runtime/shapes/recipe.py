"""Training recipes that ship: one TOML file each."""

import importlib.resources
from pathlib import Path

from chorus_traces.errors import EngineError, unknown


def recipe_named(name: str) -> Path:
    """Return a shipped recipe's file, or the .toml file ``name`` itself.

    Raises ``EngineError`` for a name that does not ship.
    """
    if name.endswith(".toml"):
        return Path(name)
    folder = Path(str(importlib.resources.files("chorus_runtime.shapes") / "recipes"))
    shipped = {path.stem: path for path in folder.glob("*.toml")}
    if name not in shipped:
        raise EngineError(unknown("recipe", name, shipped) + ", or give a .toml file")
    return shipped[name]
