"""Write a file so that nobody ever sees half of it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from chorus_traces.errors import TraceError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that replaces it when the block succeeds.

    When the block fails the temporary file is removed and ``path`` is as it was. Raises
    ``TraceError`` when the folder is absent or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with temporary.open("xb") as stream:
            yield stream
        temporary.replace(path)
    except FileNotFoundError:
        raise TraceError(f"{path}: no such folder; make it first") from None
    except OSError as error:
        raise TraceError(f"{path}: cannot be written ({os.strerror(error.errno or 0)})") from None
    finally:
        temporary.unlink(missing_ok=True)
