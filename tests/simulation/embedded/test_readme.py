import re
from pathlib import Path

import simulation.embedded


def test_every_code_block_of_the_readme_runs(capsys):
    text = Path(simulation.embedded.__path__[0], "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "m left of the lane centre" in capsys.readouterr().out
