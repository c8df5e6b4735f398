"""Tables on the terminal: never so narrow that a name is cut off, and whole lines where a program reads them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

LEAST_WIDTH = 120  # a narrower terminal breaks the lines: a name that is cut off helps nobody
PIPE_WIDTH = 500  # a row a line, for grep


def print_table(table: "Table") -> None:
    """On standard output, as wide as it needs to be."""
    from rich.console import Console

    console = Console()
    width = max(console.width, LEAST_WIDTH) if console.is_terminal else PIPE_WIDTH
    Console(width=width).print(table)
