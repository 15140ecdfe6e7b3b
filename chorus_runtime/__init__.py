"""The runtime: full reuse, SRD and TGAA really executed on diffusers video transformers."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chorus_runtime.attached import attach
    from chorus_runtime.service import Chorus

__all__ = ["Chorus", "attach"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is used: torch and diffusers take seconds to load."""
    if name == "attach":
        from chorus_runtime.attached import attach

        return attach
    if name == "Chorus":
        from chorus_runtime.service import Chorus

        return Chorus
    raise AttributeError(f"module 'chorus_runtime' has no attribute {name!r}")
