"""The code blocks of the package README and of its page in docs/ run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("page", "printed"),
    [("simulation/embedded/README.md", "m left of the lane centre"), ("docs/embedded_world.md", "yaw rate 0.")],
)
def test_every_code_block_runs(page, printed, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {})
    assert printed in capsys.readouterr().out


def test_links_of_the_page_in_docs_exist():
    page = ROOT / "docs/embedded_world.md"
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
