"""Tables on the terminal, wide enough for every name and number; one line per row when written to a pipe."""

from typing import TYPE_CHECKING

from lkas.runtime.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MIN_WIDTH = 120  # a narrower terminal wraps the lines, which is better than cutting them off
PIPE_WIDTH = 500  # one line per row, for grep


def wide_console(*, stderr: bool = False) -> "Console":
    """Return a console for tables. A table takes only the width it needs."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    width = max(console.width, MIN_WIDTH) if console.is_terminal else PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def add_row(table: "Table", *cells: str, style: str | None = None) -> None:
    """Add cells as they are: no markup, and no control characters, because a name may come from another program."""
    from rich.text import Text

    table.add_row(*(Text(printable(cell)) for cell in cells), style=style)


def print_table(table: "Table") -> None:
    """Print a table on standard output."""
    wide_console().print(table)
