"""Foreign text on a terminal or in a log has no control over either."""

import logging

import pytest
from rich.table import Table

from lkas.cli.tables import add_row, print_table
from lkas.runtime.log import LogFormat, _formatter
from lkas.runtime.printable import printable, printable_lines

HOSTILE = "\x1b[2Jred[/x]\x00\u202e\nname"


def test_what_is_printable_stays():
    assert printable("décision läuft 30 Hz") == "décision läuft 30 Hz"


def test_control_characters_become_escapes():
    assert printable(HOSTILE) == "\\x1b[2Jred[/x]\\x00\\u202e\\nname"
    assert printable("\udc80") == "\\udc80"


def test_line_ends_stay_where_lines_are_wanted():
    assert printable_lines("one\x07\ntwo") == "one\\x07\ntwo"


def test_a_table_shows_cells_as_they_are(capsys):
    table = Table("name", box=None)
    add_row(table, HOSTILE)
    print_table(table)
    assert "\\x1b[2Jred[/x]\\x00\\u202e\\nname" in capsys.readouterr().out


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_record_is_one_line(log_format):
    record = logging.LogRecord("lkas", logging.INFO, __file__, 1, "event: %s", (HOSTILE,), None)
    line = _formatter("broker", log_format).format(record)
    assert "\n" not in line
    assert "\x1b" not in line
