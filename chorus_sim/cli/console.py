"""Where tables are printed."""

from rich.console import Console

#: Columns where stdout is a file or a pipe; nothing there wraps by itself.
_FILE_WIDTH = 140


def wide_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_FILE_WIDTH, highlight=False)
