"""Tables written to a pipe."""

from rich.table import Table

from lkas.cli.tables import print_table


def test_a_table_in_a_pipe_has_whole_names_and_one_line_per_row(capsys):
    table = Table("parameter", "description", box=None)
    name, text = "decision.minimum_risk_deceleration_mps2", "Deceleration of the minimum risk stop " * 5
    table.add_row(name, text)
    print_table(table)
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert rows[1].split()[0] == name
    assert text.strip() in rows[1]
