"""Tables on the terminal: never so narrow that a name or a figure is cut off, and whole lines for programs."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LEAST_WIDTH = 120  # a narrower terminal breaks the lines: what is cut off helps nobody
PIPE_WIDTH = 500  # a row a line, for grep


def wide_console(*, stderr: bool = False) -> "Console":
    """A console for tables; they are no wider than what is in them."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    width = max(console.width, LEAST_WIDTH) if console.is_terminal else PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def print_table(table: "Table") -> None:
    """On standard output."""
    wide_console().print(table)
