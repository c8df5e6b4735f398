from rich.table import Table

from lkas.cli.tables import print_table


def test_a_program_that_reads_a_table_gets_whole_names_and_a_row_a_line(capsys):
    table = Table("parameter", "what it is", box=None)
    name, text = "decision.minimum_risk_deceleration_mps2", "Deceleration of the minimum risk stop " * 5
    table.add_row(name, text)
    print_table(table)
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert rows[1].split()[0] == name
    assert text.strip() in rows[1]
