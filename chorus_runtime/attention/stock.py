"""The stock attention processor of a block, and whether the engine can stand in for it."""

from typing import Any

from chorus_traces.errors import EngineError


def stock_processor(attention: Any, expected: type[Any], family: str) -> Any:
    """Return the module's processor, which must be ``expected``; ``family`` opens the message.

    Raises ``EngineError`` for another processor, and for context parallelism.
    """
    processor = attention.get_processor()
    if type(processor) is not expected:
        raise EngineError(
            f"{family} attention carries {type(processor).__name__}; {expected.__name__} is "
            "needed, because the engine replaces it while it runs"
        )
    if processor._parallel_config is not None:  # noqa: SLF001 - diffusers keeps it there
        raise EngineError("context parallelism is switched on; the engine runs on one device")
    return processor
